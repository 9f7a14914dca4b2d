-- SPDX-License-Identifier: MIT
--- A real cluster without nodes, on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.
--- server.start(programs, dir) → { url, ca, all, few, renter, certificate, key, kubeconfig, programs, ask(),
--- compact(), schedule(), close() }: `all` is the token of one who may do everything, `few` of one of the
--- same name (USER) without a right, `renter` of one (RENTER) with the rights that he is given; `certificate`
--- and `key` are files by which CERTIFIED may do everything.
local clock = require "base.clock"
local fail = require "base.fail"
local files = require "base.files"
local http = require "base.http"
local json = require "base.json"
local keys = require "base.keys"
local net = require "base.net"
local process = require "base.process"
local subprocess = require "base.subprocess"
local task = require "base.task"

local server = { USER = "ada@example.org", RENTER = "bob@example.org", CERTIFIED = "eve@example.org" }

local PATIENCE = 120 -- seconds for each of the programs to be there

local KUBECONFIG = [[
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it, namespace: default}}]
clusters: [{name: it, cluster: {server: "%s", certificate-authority: "%s"}}]
users: [{name: it, user: {token: "%s"}}]
]]

local function free_port()
  local listener = net.listen { host = "127.0.0.1", port = 0 }
  local _, port = listener:name()
  listener:close()
  return port
end

local function openssl(...)
  local result = subprocess.run { "openssl", ... }
  if result.code ~= 0 then fail.raise("broken", "openssl: " .. subprocess.complaint(result)) end
end

-- An authority, the server's certificate and a user's by it, and the key that signs ServiceAccounts' tokens.
local function certificates(at)
  local function key(name)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at(name))
  end
  local function sign(name, subject, extension)
    key(name .. ".key")
    openssl("req", "-new", "-key", at(name .. ".key"), "-subj", subject, "-out", at(name .. ".csr"))
    assert(files.write(at(name .. ".ext"), extension .. "\n"))
    openssl("x509", "-req", "-days", "30", "-in", at(name .. ".csr"), "-CA", at "ca.pem", "-CAkey",
      at "ca.key", "-CAcreateserial", "-extfile", at(name .. ".ext"), "-out", at(name .. ".pem"))
  end
  key "ca.key"
  openssl("req", "-x509", "-new", "-key", at "ca.key", "-subj", "/CN=cluster-ca", "-days", "30", "-addext",
    "keyUsage=critical,keyCertSign", "-out", at "ca.pem")
  sign("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
  sign("user", "/O=system:masters/CN=" .. server.CERTIFIED, "extendedKeyUsage=clientAuth")
  openssl("genrsa", "-traditional", "-out", at "accounts.key", "2048")
end

local function wait_for(self, what, check)
  local limit = clock.now() + PATIENCE
  while clock.now() < limit do
    local ok, value = fail.try(check)
    if ok and value then return value end
    if self.children[what]:wait(0) then fail.raise("broken", what .. " has ended; see " .. self.dir) end
    task.sleep(0.2)
  end
  fail.raise("broken", "gave up waiting for " .. what .. "; see " .. self.dir)
end

local function spawn(self, name, argv)
  self.children[name] = process.spawn { argv = argv, stdout = "file:" .. self.dir .. "/" .. name
    .. ".out", stderr = "file:" .. self.dir .. "/" .. name .. ".log" }
end

local function start_etcd(self)
  self.port = free_port()
  self.url = "https://127.0.0.1:" .. self.port
  self.etcd = "http://127.0.0.1:" .. free_port()
  local peers = "http://127.0.0.1:" .. free_port()
  spawn(self, "etcd", { "etcd", "--data-dir=" .. self.dir .. "/etcd", "--listen-client-urls=" .. self.etcd,
    "--advertise-client-urls=" .. self.etcd, "--listen-peer-urls=" .. peers,
    "--initial-advertise-peer-urls=" .. peers, "--initial-cluster=default=" .. peers })
  wait_for(self, "etcd", function()
    return http.request { url = self.etcd .. "/health" }.status == 200
  end)
end

local function start_api(self)
  local function at(name) return files.join(self.dir, name) end
  assert(files.write(at "tokens.csv", ('%s,%s,1,"system:masters"\n%s,%s,2\n%s,%s,3\n'):format(self.all,
    server.USER, self.few, server.USER, self.renter, server.RENTER)))
  spawn(self, "kube-apiserver", { self.programs .. "/kube-apiserver", "--etcd-servers=" .. self.etcd,
    "--bind-address=127.0.0.1", "--secure-port=" .. self.port, "--endpoint-reconciler-type=none",
    "--tls-cert-file=" .. at "server.pem", "--tls-private-key-file=" .. at "server.key",
    "--client-ca-file=" .. at "ca.pem", "--token-auth-file=" .. at "tokens.csv", "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="
    .. at "accounts.key", "--service-account-signing-key-file=" .. at "accounts.key",
    "--service-cluster-ip-range=10.0.0.0/24" })
  wait_for(self, "kube-apiserver", function()
    return http.request { url = self.url .. "/readyz", ca_file = self.ca }.body == "ok"
  end)
end

local function start_controllers(self, at)
  self.kubeconfig = at "kubeconfig"
  assert(files.write(self.kubeconfig, KUBECONFIG:format(self.url, self.ca, self.all)))
  spawn(self, "kube-controller-manager", { self.programs .. "/kube-controller-manager",
    "--kubeconfig=" .. self.kubeconfig, "--bind-address=127.0.0.1", "--secure-port=" .. free_port(),
    "--leader-elect=false", "--service-account-private-key-file=" .. at "accounts.key",
    "--root-ca-file=" .. self.ca, "--cert-dir=" .. self.dir .. "/own", "--use-service-account-credentials" })
  wait_for(self, "kube-controller-manager", function()
    return self:ask("GET", "/api/v1/namespaces/default/serviceaccounts/default").status == 200
  end)
end

local Cluster = {}
Cluster.__index = Cluster

--- Starts the scheduler.
function Cluster:schedule()
  spawn(self, "kube-scheduler", { self.programs .. "/kube-scheduler", "--kubeconfig=" .. self.kubeconfig,
    "--bind-address=127.0.0.1", "--secure-port=" .. free_port(), "--leader-elect=false" })
end

--- A request. body: a text or a table. → response with any status
function Cluster:ask(method, path, body, options)
  options = options or {}
  local headers = { Accept = options.accept or "application/json",
    ["Content-Type"] = options.type or "application/json" }
  local token = options.token or self.all
  if token ~= "" then headers.Authorization = "Bearer " .. token end
  return http.request { method = method, url = self.url .. path, headers = headers, ca_file = self.ca,
    body = type(body) == "table" and json.encode(body) or body, ok = "any", stream = options.stream }
end

--- etcd forgets everything that was before now, and so does the API server, which starts anew.
function Cluster:compact()
  local function etcd(path, body)
    return http.request { method = "POST", url = self.etcd .. path, json = body }.json()
  end
  local header = etcd("/v3/kv/range", { key = keys.base64 "/none" }).header
  etcd("/v3/kv/compaction", { revision = header.revision, physical = true })
  self.children["kube-apiserver"]:kill "KILL" -- it would wait a minute for those who watch
  self.children["kube-apiserver"]:wait(PATIENCE)
  start_api(self)
end

function Cluster:close()
  for _, name in ipairs { "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd" } do
    local child = self.children[name]
    if child then
      child:kill "TERM"
      if not child:wait(20) then child:kill "KILL" end
    end
  end
end

--- Starts it. programs: the directory of what build.sh built; dir: an empty one, where logs are
function server.start(programs, dir)
  local function at(name) return files.join(dir, name) end
  local self = setmetatable({ dir = dir, programs = programs, children = {}, all = keys.random_hex(16),
    few = keys.random_hex(16), renter = keys.random_hex(16), ca = at "ca.pem", certificate = at "user.pem",
    key = at "user.key" }, Cluster)
  local ok, problem = fail.try(function()
    certificates(at)
    start_etcd(self)
    start_api(self)
    start_controllers(self, at)
  end)
  if not ok then
    self:close()
    error(problem, 0)
  end
  return self
end

return server
