-- SPDX-License-Identifier: MIT
-- The simulated CoreWeave by its own client: the real kubectl, over TLS, with a token and with a client
-- certificate; and the process, the files and the port that a pod has.
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local net = require "base.net"
local process = require "base.process"
local subprocess = require "base.subprocess"
local task = require "base.task"

local TOKEN = "token-of-the-kubectl-tests"

local POOL = [[
{"apiVersion":"compute.coreweave.com/v1alpha1","kind":"NodePool","metadata":{"name":"p"},
 "spec":{"instanceType":"gd-8xl40-i128","targetNodes":1}}
]]
local SERVE = [[use IO::Socket::INET; $s = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1', ]]
  .. [[LocalPort => $ARGV[0]) or die; while ($c = $s->accept) { print $c qq(here\\n) }]]
local POD = [[
{"apiVersion":"v1","kind":"List","items":[
 {"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"WORD":"hidden"}},
 {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"run":"echo $WORD; $SERVE",
   "serve":"PROGRAM"}},
 {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"app":"p"}},"spec":{"restartPolicy":"Never",
  "tolerations":[{"operator":"Exists"}],"volumes":[{"name":"v","configMap":{"name":"c"}}],
  "containers":[{"name":"main","image":"debian:12","command":["sh","/in/run"],
   "envFrom":[{"secretRef":{"name":"s"}}],"env":[{"name":"SERVE","value":"perl /in/serve INSIDE"}],
   "volumeMounts":[{"name":"v","mountPath":"/in"}]}]}},
 {"apiVersion":"v1","kind":"Service","metadata":{"name":"s","annotations":{
   "service.beta.kubernetes.io/coreweave-load-balancer-type":"public"}},"spec":{"type":"LoadBalancer",
  "selector":{"app":"p"},"ports":[{"port":OUTSIDE,"targetPort":INSIDE,"protocol":"TCP"}]}}]}
]]

return function(t)
  local simulator = t:load "simulator"

  local function free_port()
    local listener = net.listen { host = "127.0.0.1", port = 0 }
    local _, port = listener:name()
    listener:close()
    return port
  end

  -- A client: function(input or nil, words …) → what it printed, or nil and its complaint.
  local function client(sim, front, ...)
    local first = { "kubectl", "--kubeconfig=/dev/null", "--server=" .. front.server,
      "--request-timeout=30s", ... }
    return function(input, ...)
      local argv = { table.unpack(first) }
      table.move({ ... }, 1, select("#", ...), #argv + 1, argv)
      local result = subprocess.run(argv, input, { env = { "PATH=" .. process.getenv "PATH",
        "HOME=" .. sim.dir } })
      if not result then t:skip "there is no kubectl" end
      if result.code ~= 0 then return nil, subprocess.complaint(result) end
      return result.out
    end
  end

  -- What the pod says to whom its Service leads there.
  local function said_at(port)
    local ok, conn = fail.try(net.connect, { host = "127.0.0.1", port = port, timeout = 2 })
    if not ok then return nil end
    local fine, line = fail.try(function() return conn:read_line(64, 2) end)
    conn:close()
    return fine and line or nil
  end

  local function use(sim, kubectl)
    local inside, outside = free_port(), free_port()
    t:equal(assert(kubectl(POOL, "apply", "-f", "-")), "nodepool.compute.coreweave.com/p created\n")
    local watched = task.spawn(function()
      return kubectl(nil, "get", "pods", "--watch-only", "--request-timeout=4s", "-o=name")
    end)
    local pod = POD:gsub("PROGRAM", function() return SERVE end):gsub("INSIDE", inside)
      :gsub("OUTSIDE", outside)
    t:equal(kubectl(pod, "apply", "-f", "-"), "secret/s created\nconfigmap/c created\npod/p created\n"
      .. "service/s created\n")
    t:equal(kubectl(pod, "apply", "-f", "-"):match "configmap/c %a+", "configmap/c unchanged")
    simulator.wait_for("the pod runs", function()
      return kubectl(nil, "get", "pod", "p"):find("1/1 +Running")
    end)
    t:equal(kubectl(nil, "logs", "p"), "hidden\n")
    t:equal(simulator.wait_for("the Service leads there", function() return said_at(outside) end), "here")
    t:ok(kubectl(nil, "get", "nodes,nodepools,services"):find("gd%-8xl40%-i128"))
    t:equal(kubectl(nil, "delete", "pod/p", "service/s", "nodepool/p"), 'pod "p" deleted\n'
      .. 'service "s" deleted\nnodepool.compute.coreweave.com "p" deleted\n')
    t:equal(select(2, kubectl(nil, "get", "nodepool", "p")),
      'Error from server (NotFound): nodepools.compute.coreweave.com "p" not found')
    t:equal(#sim.control("GET", "/ledger").open, 0)
    t:ok((task.await(watched) or ""):find("pod/p", 1, true), "the watch told of it")
  end

  -- Our own client over the same TLS: who signed the server, who we are.
  t:case("an authority and a client certificate as texts", function()
    simulator.run(t, TOKEN, 50, function(sim)
      local front = sim.control("GET", "/coreweave/front")
      local function text(name) return assert(files.read(front[name])) end
      local function names(options)
        options.base, options.timeout = front.server, 20
        local review = http.client(options):get("/api/v1/namespaces")
        return #review.json().items
      end
      t:equal(names { ca_pem = text "ca", client_pem = text "certificate", client_key = text "key" }, 2)
      t:equal(names { ca_pem = text "ca", headers = { Authorization = "Bearer " .. TOKEN } }, 2)
      local function refused(options) return select(2, fail.try(names, options)) end
      t:equal(refused({ ca_pem = text "ca" }).status, 403)
      t:equal(refused({ client_pem = text "certificate", client_key = text "key" }).code, "tls")
      t:equal(refused({ ca_pem = text "certificate" }).code, "tls")
      t:ok(refused({ ca_pem = text "ca", client_pem = text "certificate" }).message
        :find("go together", 1, true))
      local wrong = refused { ca_pem = text "ca", client_pem = text "certificate", client_key = text "ca" }
      t:ok(not wrong.message:find(text "key", 1, true) and wrong.kind == "broken")
    end)
  end)

  t:case("kubectl applies, shows, watches, reads logs, deletes; token, certificate, authority", function()
    simulator.run(t, TOKEN, 50, function(sim)
      local front = sim.control("GET", "/coreweave/front")
      local trusted = "--certificate-authority=" .. front.ca
      use(sim, client(sim, front, trusted, "--token=" .. TOKEN))
      local certified = client(sim, front, trusted, "--client-certificate=" .. front.certificate,
        "--client-key=" .. front.key)
      t:equal(certified(nil, "get", "secrets", "-o=name"), "secret/s\n")
      local function complaint(...)
        return select(2, client(sim, front, ...)(nil, "get", "secrets"))
      end
      t:ok(complaint(trusted, "--token=another"):find("Unauthorized", 1, true))
      t:ok(complaint("--token=" .. TOKEN):find("unknown authority", 1, true))
    end)
  end)
end
