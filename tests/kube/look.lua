-- SPDX-License-Identifier: MIT
--- Who else acts in the cluster: kubectl, the guest's guard, and the guard's CronJob, whose container runs
--- here with the account that a kubelet would give it.
local expect = require "kube.expect"
local files = require "base.files"
local http = require "base.http"
local keys = require "base.keys"
local pool = require "kube.pool"
local subprocess = require "base.subprocess"

local look = {}

local MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
local SECONDS = 60

--- → kubectl(words…) → what it says; raises when it fails
function look.kubectl(cluster, dir)
  local env = { "PATH=/usr/bin:/bin", "HOME=" .. dir, "KUBECONFIG=" .. cluster.kubeconfig }
  return function(...)
    local result = subprocess.run({ cluster.programs .. "/kubectl", ... }, nil,
      { env = env, seconds = SECONDS })
    expect.that(result.code == 0, ("kubectl %s: %s"):format(table.concat({ ... }, " "), result.err))
    return result.out
  end
end

--- → ask(url, method) → response, as the guest on the pod asks. request: of coreweave.terminate_request;
--- token: in base64
function look.guest(request, token)
  local value = request.headers[1]:match "^Authorization: (.*)$"
    :gsub("%${" .. request.key_env .. "}", (keys.unbase64(token):gsub("%%", "%%%%")))
  return function(url, method)
    return http.request { method = method, url = url, headers = { Authorization = value }, ok = "any",
      ca_pem = request.ca_pem }
  end
end

-- The directory that the pod's first container finds at MOUNT.
local function mounted(story, path, pod)
  local there = false
  for _, mount in ipairs(pod.spec.containers[1].volumeMounts or {}) do
    there = there or mount.mountPath == MOUNT
  end
  expect.that(there, "the account is not in the pod")
  local answer = pool.must(story.cluster, "POST", ("%s/serviceaccounts/%s/token"):format(path,
    pod.spec.serviceAccountName), { spec = { boundObjectRef = { kind = "Pod", apiVersion = "v1",
    name = pod.metadata.name, uid = pod.metadata.uid } } })
  local dir = files.join(story.dir, pod.metadata.name)
  assert(files.mkdir(dir))
  assert(files.write(files.join(dir, "token"), answer.status.token))
  assert(files.write(files.join(dir, "ca.crt"), files.read(story.cluster.ca)))
  return dir
end

--- Lets the CronJob's job run once. → how its container ended
function look.job(story, namespace, cron, name)
  local path = "/api/v1/namespaces/" .. namespace
  story.kubectl("create", "job", name, "--from=cronjob/" .. cron, "--namespace=" .. namespace)
  local pod = pool.wait_for("the job's pod", function()
    return pool.must(story.cluster, "GET", path .. "/pods?labelSelector=job-name%3D" .. name).items[1]
  end)
  local here = path .. "/pods/" .. pod.metadata.name
  pod = pool.placed(story.cluster, here)
  local dir, argv = mounted(story, path, pod), {}
  for i, word in ipairs(pod.spec.containers[1].command) do argv[i] = word:gsub(MOUNT, dir) end
  local result = subprocess.run(argv, nil, { env = { "PATH=/usr/bin:/bin" }, seconds = SECONDS })
  pool.tell(story.cluster, here, result.code == 0 and "Succeeded" or "Failed")
  return result.code
end

return look
