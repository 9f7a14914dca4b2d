-- SPDX-License-Identifier: MIT
-- kubeconfig files: what is read of them, and what is refused with a sentence.
local fail = require "base.fail"
local files = require "base.files"
local keys = require "base.keys"
local kubeconfig = require "providers.coreweave.kubeconfig"
local process = require "base.process"
local sorted = require "base.sorted"
local subprocess = require "base.subprocess"
local yaml = require "providers.coreweave.yaml"

local PLAIN = [[
# a cluster
apiVersion: v1
kind: Config
current-context: "main"
clusters:
- name: c1
  cluster:
    certificate-authority-data: QVVUSA==
    server: https://org-1.k8s.us-east-04a.coreweave.com/ # its address
contexts:
  - context: {}
    name: empty
  - context:
      cluster: c1
      namespace: 'team-a'
      user: u1
    name: main
  - name: certified
    context: { }
preferences: {}
users:
- name: u1
  user:
    token: CW-SECRET-abc:def
]]

return function(t)
  local function read(text, context)
    local dir = t:directory()
    assert(files.write(dir .. "/config", text))
    local found = kubeconfig.read(dir .. "/config", context)
    t:equal(found.files, { dir .. "/config" })
    found.files = nil
    return found
  end

  local function refused(text, words, context)
    local ok, why = fail.try(read, text, context)
    t:equal({ ok, why.kind }, { false, "config" })
    t:ok(why.message:find(words, 1, true), why.message)
  end

  t:case("YAML as kubectl writes it", function()
    t:equal(yaml.decode("a: 1\nb:\n- x\n- y: 2\n  z: 'it''s'\n-\n  w: \"a\\n\\\"\"\n"
      .. "c: null\nd: ~\ne: true\nf: []\n"),
      { a = "1", b = { "x", { y = "2", z = "it's" }, { w = 'a\n"' } }, e = true, f = {} })
    t:equal(yaml.decode "- - a\n  - b\n- c", { { "a", "b" }, "c" })
    t:equal(yaml.decode '{"a":{"b":1}}', { a = { b = 1 } })
    for text, words in sorted { ["a: &x 1"] = "line 1: this kind", ["a: |\n  b"] = "line 1: this kind",
      ["a: 1\na: 2"] = "twice", ["a: 1\n  b: 2"] = "line 2: indented", ["a"] = "line 1: neither",
      ["a: 'x"] = "without its end", ["\ta: 1"] = "a tab", ["a: 1\n---\nb: 2"] = "second document" } do
      local ok, why = fail.try(yaml.decode, text)
      t:equal({ ok, (fail.message(why):find(words, 1, true) ~= nil) }, { false, true }, text)
    end
  end)

  t:case("server, authority, namespace, token; a chosen context", function()
    local text = PLAIN:gsub("  %- name: certified\n    context: { }\n", "")
    t:equal(read(text), { server = "https://org-1.k8s.us-east-04a.coreweave.com", ca_pem = "AUTH",
      namespace = "team-a", token = "CW-SECRET-abc:def", context = "main", user = "u1" })
    refused(text, 'no context called "other", there is "empty", "main"; look at COREWEAVE_CONTEXT', "other")
    refused(text, "there is no cluster called", "empty")
    refused(text:gsub('current%-context: "main"', ""), "no context is chosen")
  end)

  t:case("a client certificate; files are seen from where the kubeconfig lies", function()
    local dir = t:directory()
    for name, content in sorted { ["ca.pem"] = "CA", cert = "CERT", key = "KEY", token = "tok\n" } do
      assert(files.write(dir .. "/" .. name, content))
    end
    local function config(user)
      assert(files.write(dir .. "/config", "current-context: m\ncontexts:\n- name: m\n  context:\n"
        .. "    cluster: c\n    user: u\nclusters:\n- name: c\n  cluster:\n    server: https://x\n"
        .. "    certificate-authority: ca.pem\nusers:\n- name: u\n  user:\n" .. user))
      return kubeconfig.read(dir .. "/config")
    end
    local found = config("    client-certificate: cert\n    client-key-data: " .. keys.base64 "KEY" .. "\n")
    t:equal({ found.ca_pem, found.client_pem, found.client_key, found.token }, { "CA", "CERT", "KEY" })
    t:equal({ found.user, found.files }, { "u", { dir .. "/config", dir .. "/cert", dir .. "/ca.pem" } })
    t:equal(config("    tokenFile: token\n").token, "tok")
    local ok, why = fail.try(config, "    client-certificate: cert\n")
    t:ok(not ok and why.message:find("neither a token nor", 1, true))
  end)

  t:case("what would run a program, or trust anybody, is refused", function()
    local text = PLAIN:gsub("  %- name: certified\n    context: { }\n", "")
    refused(text:gsub("token: CW%S+", "exec:\n      command: get-token"), "which is not run here")
    refused(text:gsub("token: CW%S+", "auth-provider:\n      name: oidc"), "which is not run here")
    refused(text:gsub("token: CW%S+", "username: a\n    password: b"), "has a password")
    refused(text:gsub("https://org%-1.-/", "http://org/"),
      'the server of the cluster "c1" is http://org/; it must begin with https://')
    refused(text:gsub("certificate%-authority%-data: %S+", "insecure-skip-tls-verify: true"),
      "is not to be verified")
    refused(text:gsub("QVVUSA==", "???"), "no base64")
    refused(PLAIN, "this kind of YAML")
  end)

  t:case("settings of our own win over what it says, and it is read anew when it was changed", function()
    local fake, path = t:load "fakehost", "/home/user/cluster.yaml"
    local text = PLAIN:gsub("  %- name: certified\n    context: { }\n", "")
    local function current(env, change)
      env.HOME, env.COREWEAVE_KUBECONFIG = "/home/user", path
      local s = fake.new { env = env }
      s.disk[path] = { data = text, mode = 384, mtime = 1 }
      local p = s:start(function(require)
        require("config.effective").load "/home/user/.continueplz"
        local access = require "providers.coreweave.access"
        local found = access.current()
        if change then s.disk[path] = { data = text:gsub("abc:def", "new"), mode = 384, mtime = 2 } end
        return found, change and access.current()
      end)
      s:run()
      return p:result()
    end
    local found, later = current({}, true)
    t:equal({ found.server, found.token, found.namespace, found.ca_pem, later.token },
      { "https://org-1.k8s.us-east-04a.coreweave.com", "CW-SECRET-abc:def", "team-a", "AUTH",
        "CW-SECRET-new" })
    found = current { COREWEAVE_API_KEY = "own", COREWEAVE_NAMESPACE = "mine",
      COREWEAVE_API_SERVER = "https://other" }
    t:equal({ found.server, found.token, found.namespace, found.ca_pem }, { "https://other", "own", "mine",
      "AUTH" })
  end)

  -- Runs fn(access, change) in a world with these settings and files; change(path, text): a file is another
  local function in_world(env, disk, fn)
    local fake = t:load "fakehost"
    env.HOME = "/home/user"
    local s = fake.new { env = env }
    local function change(path, text) s.disk[path] = { data = text, mode = 384, mtime = s.now } end
    for path, text in sorted(disk) do change(path, text) end
    local p = s:start(function(require)
      require("config.effective").load "/home/user/.continueplz"
      return fn(require "providers.coreweave.access", change, require)
    end)
    s:run()
    return p:result()
  end

  local FILES = "current-context: m\ncontexts:\n- name: m\n  context:\n    cluster: c\n    user: u\n"
    .. "clusters:\n- name: c\n  cluster:\n    server: https://x\n    certificate-authority: ca.pem\n"
    .. "users:\n- name: u\n  user:\n    tokenFile: token\n"

  t:case("what was read is kept until a setting or any of the files is another", function()
    in_world({ COREWEAVE_KUBECONFIG = "/c/config" }, { ["/c/config"] = FILES, ["/c/ca.pem"] = "CA",
      ["/c/token"] = "one" }, function(access, change, require)
      local first = access.current()
      t:ok(first == access.current(), "it was read again")
      t:equal({ first.token, first.ca_pem }, { "one", "CA" })
      change("/c/token", "another")
      t:equal(access.current().token, "another", "tokens rotate in their file")
      change("/c/ca.pem", "another CA")
      t:equal(access.current().ca_pem, "another CA")
      require("config.effective").use("COREWEAVE_NAMESPACE", "mine")
      t:equal(access.current().namespace, "mine")
      change("/c/config", "nonsense")
      t:equal((fail.try(access.current)), false, "what was read before is not gone on with")
      change("/c/config", FILES)
      t:equal(access.current().token, "another")
    end)
  end)

  t:case("why a key is refused, as far as this computer knows", function()
    local function told(env, disk, kind, code)
      return in_world(env, disk, function(access) return access.advice { kind = kind, code = code } end)
    end
    local certified = FILES:gsub("tokenFile: token", "client-certificate: cert\n    client-key: key")
    local function with(times)
      local function element(tag, ...)
        local content = table.concat { ... }
        return string.char(tag, #content) .. content
      end
      local der = element(0x30, element(0x30, element(2, "\1"), element(0x30), element(0x30),
        element(0x30, element(0x17, times[1]), element(0x17, times[2]))))
      return { COREWEAVE_KUBECONFIG = "/c/config" }, { ["/c/config"] = certified, ["/c/ca.pem"] = "CA",
        ["/c/key"] = "KEY", ["/c/cert"] = "-----BEGIN CERTIFICATE-----\n" .. keys.base64(der)
        .. "\n-----END CERTIFICATE-----\n" }
    end
    local env, disk = with { "200101000000Z", "211120101500Z" } -- the world's clock is later
    for _, kind in ipairs { "auth", "transient", "broken" } do
      t:ok(told(env, disk, kind):find('^the client certificate of the user "u" in /c/config expired at '
        .. "2021%-11%-20T10:15:00Z %(it is 20%d%d%-.-Z here%); put another there, or a token into "
        .. "COREWEAVE_API_KEY$"), told(env, disk, kind))
    end
    t:equal(told(env, disk, "refused"), nil, "it was let in")
    env, disk = with { "480101000000Z", "490101000000Z" }
    t:ok(told(env, disk, "auth"):find("is good from 2048-01-01T00:00:00Z on", 1, true))
    env, disk = with { "200101000000Z", "490101000000Z" }
    t:equal(told(env, disk, "auth"), 'the cluster does not know the user "u" of /c/config')
    env.COREWEAVE_API_KEY = "own"
    t:equal({ told(env, disk, "auth"), told(env, disk, "transient") },
      { "the cluster does not know the key in COREWEAVE_API_KEY" })
    local plain = { COREWEAVE_API_KEY = "own", COREWEAVE_API_SERVER = "https://x" }
    t:ok(told(plain, {}, "broken", "tls"):find("put its certificate into COREWEAVE_CA_FILE", 1, true))
    plain.COREWEAVE_CA_FILE = "/ca"
    t:equal(told(plain, { ["/ca"] = "CA" }, "broken", "tls"),
      "another authority than that of COREWEAVE_CA_FILE signed for it")
    t:equal(told(env, disk, "broken", "tls"), "another authority than that of the kubeconfig signed for it")
  end)

  t:case("what kubectl itself writes", function()
    local path = t:directory() .. "/config"
    local function kubectl(...)
      local result = subprocess.run({ "kubectl", "--kubeconfig=" .. path, "config", ... }, nil,
        { env = { "PATH=" .. process.getenv "PATH", "HOME=/nowhere" } })
      if not result then t:skip "there is no kubectl" end
      t:equal(result.code, 0, result.err)
    end
    kubectl("set-cluster", "c", "--server=https://127.0.0.1:1/")
    kubectl("set-credentials", "u", "--token=yes")
    kubectl("set-context", "m", "--cluster=c", "--user=u", "--namespace=1e3")
    kubectl("use-context", "m")
    t:equal(kubeconfig.read(path), { server = "https://127.0.0.1:1", token = "yes", namespace = "1e3",
      context = "m", user = "u", files = { path } })
  end)
end
