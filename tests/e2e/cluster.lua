-- SPDX-License-Identifier: MIT
-- What is wrong with the way to a Kubernetes cluster (facts/coreweave.md §3.2): one sentence that names it
-- and the way out, and nothing is made there.
local expect = require "e2e.expect"
local files = require "base.files"
local process = require "base.process"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run)
  cases[#cases + 1] = { name = name, options = { cloud = "coreweave" }, run = run }
end

local CONFIG = [[
current-context: main
clusters:
- name: c
  cluster:
    server: SERVER
    certificate-authority: AUTHORITY
contexts:
- name: main
  context:
    cluster: c
    user: ada
users:
- name: ada
  user:
    USER
]]

-- Writes a kubeconfig, of which `change` are other texts, and has it used. → its path
local function with_config(r, front, change, settings)
  local path = files.join(r.dir, "cluster.yaml")
  local words = { SERVER = front.server, AUTHORITY = front.ca, USER = "token: " .. r.account_key }
  for name, text in pairs(change) do words[name] = text end -- order: free
  assert(files.write(path, (CONFIG:gsub("%u%u%u%u+", words)), tonumber("600", 8)))
  local env = { COREWEAVE_API_KEY = "", COREWEAVE_API_SERVER = "", COREWEAVE_KUBECONFIG = path }
  for name, text in pairs(settings or {}) do env[name] = text end -- order: free
  r:write_env(env)
  return path
end

-- What a start says; one sentence on standard error, and nothing was made.
local function refused(r, code, ...)
  local result = expect.ends(r:run("up", "--cheapest", MODEL, "--on-demand"), code, ...)
  expect.lacks(result, "traceback", "attempt to", "READY", r.account_key)
  local _, sentences = result.err:gsub("Money: none is running[^\n]*\n", ""):gsub("[^\n]+", "")
  expect.that(sentences == 1, ("%d sentences: %s"):format(sentences, result.err))
  expect.that(#r:leftovers().objects == 0, "something was made")
  expect.machines(r, 0)
end

case("a kubeconfig that cannot be used", function(r)
  local front = r:control("GET", "/coreweave/front")
  for _, row in ipairs {
    { {}, { COREWEAVE_CONTEXT = "other" }, 'no context called "other", there is "main"; look at '
      .. "COREWEAVE_CONTEXT" },
    { { SERVER = "http://10.0.0.1:6443" }, {},
      'the server of the cluster "c" is http://10.0.0.1:6443; it must begin with https://' },
    { { USER = "exec:\n      command: aws" }, {}, 'the user "ada" gets its token from a program (exec), '
      .. "which is not run here: put a token of its own into COREWEAVE_API_KEY" },
    { { USER = "auth-provider:\n      name: oidc" }, {}, "a program (auth-provider), which is not run here" },
    { { USER = "username: a\n    password: b" }, {}, "has a password; clusters take tokens" },
    { { USER = "client-certificate: nowhere.pem" }, {}, "nowhere.pem: No such file" },
    { { AUTHORITY = "nowhere.pem" }, {}, "nowhere.pem: No such file" },
    { { USER = "- x\n   y" }, {}, "cluster.yaml: line 16: indented" },
  } do
    local path = with_config(r, front, row[1], row[2])
    refused(r, 3, row[3], row[3]:find "nowhere" and r.dir or path)
  end
  local path = with_config(r, front, {})
  r:write_env { COREWEAVE_API_KEY = "", COREWEAVE_API_SERVER = "", COREWEAVE_KUBECONFIG = path .. "x" }
  refused(r, 3, path .. "x: No such file")
  expect.ends(r:run("doctor"), 1, "key coreweave", path .. "x: No such file")
end)

case("settings that cannot be used", function(r)
  local front = r:control("GET", "/coreweave/front")
  r:write_env { COREWEAVE_API_SERVER = "http://10.0.0.1:6443" }
  refused(r, 3, "COREWEAVE_API_SERVER: plain http is accepted only for this computer; write https://")
  r:write_env { COREWEAVE_API_SERVER = "" }
  refused(r, 3, "put COREWEAVE_API_SERVER and COREWEAVE_API_KEY, or COREWEAVE_KUBECONFIG, into " .. r.home)
  r:write_env { COREWEAVE_API_SERVER = front.server, COREWEAVE_CA_FILE = "/nowhere.pem" }
  refused(r, 3, "COREWEAVE_CA_FILE: /nowhere.pem: No such file")
  r:write_env { COREWEAVE_API_SERVER = front.server }
  refused(r, 5, "put its certificate into COREWEAVE_CA_FILE")
  r:write_env { COREWEAVE_API_SERVER = front.server, COREWEAVE_CA_FILE = front.certificate }
  refused(r, 5, "another authority than that of COREWEAVE_CA_FILE signed for it")
  r:write_env { COREWEAVE_API_KEY = "no-key-of-anybody-0123456789" }
  refused(r, 3, "the cluster does not know the key in COREWEAVE_API_KEY")
  r:write_env { COREWEAVE_NAMESPACE = "nowhere" }
  refused(r, 3, "the cluster has no namespace nowhere; look at COREWEAVE_NAMESPACE")
end)

case("rights that are missing, one by one", function(r)
  for _, row in ipairs {
    { "delete pods", "this key may not delete pods in the cluster; give its user these rights" },
    { "create configmaps, list nodes, * cronjobs", "may not list nodes, create cronjobs, get cronjobs, list "
      .. "cronjobs, delete cronjobs, create configmaps in the cluster" },
    { "create nodepools", "may not create nodepools in the cluster; give its user these rights (what bills "
      .. "here is a node pool: a pod on nodes that are there already would cost nothing more" },
  } do
    r:control("POST", "/set", { coreweave_denied = row[1] })
    refused(r, 5, row[2])
  end
  r:control("POST", "/set", { coreweave_denied = "get namespaces" })
  expect.ends(r:run("up", "--plan", "--cheapest", MODEL, "--on-demand"), 0, "/nodepools")
end)

-- A client's certificate that was good until yesterday.
local function expired(front)
  local dir = files.dirname(front.ca)
  local function openssl(...)
    expect.that(process.spawn({ argv = { "openssl", ... }, cwd = dir, stdin = "null", stdout = "null",
      stderr = "null" }):wait().status == 0, "openssl failed")
  end
  openssl("req", "-new", "-key", front.key, "-subj", "/O=system:masters/CN=ada", "-out", "old.csr")
  openssl("x509", "-req", "-days", "-1", "-in", "old.csr", "-CA", front.ca, "-CAkey", "ca.key",
    "-CAcreateserial", "-extfile", "client.ext", "-out", "old.pem")
  return files.join(dir, "old.pem")
end

case("a client certificate that expired is named, with its date", function(r)
  local front = r:control("GET", "/coreweave/front")
  local function user(certificate)
    return { USER = ("client-certificate: %s\n    client-key: %s"):format(certificate, front.key) }
  end
  local path = with_config(r, front, user(front.certificate))
  expect.ends(r:run("doctor"), 0, "key coreweave", "ada, 0 machines in the account")
  with_config(r, front, user(expired(front)))
  local words = ('the client certificate of the user "ada" in %s expired at '):format(path)
  local told = r:run("up", "--plan", "--cheapest", MODEL).err:match "expired at (%S+) %(it is "
  expect.that(told and require("base.clock").parse_iso(told), "no date: " .. tostring(told))
  refused(r, 5, words, "put another there, or a token into COREWEAVE_API_KEY")
  expect.ends(r:run("doctor"), 1, words)
  with_config(r, front, { USER = "token: nobodys" })
  refused(r, 3, ('the cluster does not know the user "ada" of %s'):format(path))
end)

return cases
