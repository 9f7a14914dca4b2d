-- SPDX-License-Identifier: MIT
-- The CoreWeave provider in front of a cluster that refuses, forgets and contradicts itself: nothing is said
-- to be gone, made or allowed that is not.
local json = require "base.json"
local parse = require "providers.coreweave.parse"

local TOKEN = "cplz-0a1b2c3d-00112233"
local POOLS = "/apis/compute.coreweave.com/v1alpha1/nodepools"
local HERE = "/api/v1/namespaces/default/"

local function status(reason, code)
  return { status = code, json = { kind = "Status", status = "Failure", reason = reason, message = "words",
    code = code } }
end

local GONE, LOST, FORBIDDEN = status("NotFound", 404), status("InternalError", 500), status("Forbidden", 403)
local DONE = { json = { kind = "Status", status = "Success" } }

local function object(kind, more)
  local row = { kind = kind, metadata = parse.meta(TOKEN), spec = { instanceType = "x" } }
  for name, value in pairs(more or {}) do row[name] = value end -- order: free
  return { json = row }
end

local function list(kind, rows, continue)
  return { json = { kind = kind, items = json.array(rows or {}), metadata = { continue = continue } } }
end

return function(t)
  local fake = t:load "fakehost"

  -- Runs fn(provider, fail) where answers["METHOD path"] answer (a function is asked); what is not there is
  -- not found. → ok, result or failure, "METHOD path" of all that was sent
  local function run(answers, fn, env)
    local sent, all = {}, { HOME = "/home/user", COREWEAVE_API_KEY = "k", COREWEAVE_WHOLE_NODES = "yes",
      COREWEAVE_API_SERVER = "http://127.0.0.1:7006" }
    for name, value in pairs(env or {}) do all[name] = value or nil end -- order: free
    local s = fake.new { env = all, http = function(request)
      local word = ("%s %s"):format(request.method, request.path)
      t:ok(request.method ~= "DELETE" or request.fresh or not word:find(TOKEN, 1, true)
        or answers.any_connection, "an end is asked for on a connection of its own")
      sent[#sent + 1] = word
      local answer = answers[word] or GONE
      return type(answer) == "function" and answer(request) or answer
    end }
    local p = s:start(function(require)
      require("config.effective").load "/home/user/.continueplz"
      return require("base.fail").try(fn, require "providers.coreweave", require)
    end)
    s:run()
    local ok, result = p:result()
    return ok, result, sent
  end

  local function ends(sent)
    local found = {}
    for _, word in ipairs(sent) do found[#found + 1] = word:match "^DELETE .*/(%l+)/[^/]+$" end
    return table.concat(found, " ")
  end

  local POOL, SERVICE = POOLS .. "/" .. TOKEN, HERE .. "services/" .. TOKEN

  local function destroy(pool, service, there)
    local ok, result, sent = run({ ["DELETE " .. POOL] = pool, ["DELETE " .. SERVICE] = service,
      ["GET " .. SERVICE] = there }, function(provider) return provider.destroy(TOKEN) end)
    return ok and result or type(result) == "table" and result.kind, ends(sent)
  end

  t:case("destroy: the pool first, then its address; what is refused is not acknowledged", function()
    local ours = object "Service"
    t:equal({ destroy(DONE, DONE, ours) }, { true, "nodepools services" })
    t:equal({ destroy(GONE, DONE, ours) }, { "gone", "nodepools services" }, "the address bills by itself")
    t:equal({ destroy(FORBIDDEN, DONE, ours) }, { "refused", "nodepools" })
    t:equal((destroy(LOST, DONE, ours)), "transient")
    t:equal((destroy({ body = "<html>" }, DONE, ours)), "broken")
    t:equal({ destroy(DONE, LOST, ours) }, { "transient", "nodepools services" })
    t:equal({ destroy(DONE, FORBIDDEN, ours) }, { "refused", "nodepools services" })
    t:equal((destroy(DONE, DONE, LOST)), "transient", "whether there is an address is not known")
    local theirs = object("Service", { metadata = { name = TOKEN, labels = {} } })
    t:equal({ destroy(DONE, DONE, theirs) }, { true, "nodepools" })
  end)

  -- What proof says of a pool with this id and token.
  local function proof(answers, token)
    local ok, result, sent = run(answers, function(provider)
      return provider.proof { id = TOKEN, token = token or TOKEN }
    end)
    return ok and result.state or result.kind, sent
  end

  local LISTS = { ["GET " .. POOLS] = list "NodePoolList", ["GET /api/v1/nodes"] = list "NodeList" }

  local function with(more)
    local all = {}
    for _, each in ipairs { LISTS, more } do
      for name, value in pairs(each) do all[name] = value end -- order: free
    end
    return all
  end

  t:case("proof: there, ending, or gone with its nodes, its address and its token", function()
    local function named(name, deleted)
      return { metadata = { name = name, labels = parse.meta(TOKEN).labels, deletionTimestamp = deleted },
        spec = { instanceType = "x" } }
    end
    local there = { json = named(TOKEN) }
    there.json.kind = "NodePool"
    local ending = { json = named(TOKEN, "2026-11-20T09:00:00Z") }
    ending.json.kind = "NodePool"
    local row = "GET " .. POOLS
    t:equal({ (proof(with {})), (proof(with { ["GET " .. POOL] = there })),
      (proof(with { ["GET " .. POOL] = ending })) }, { "stopped", "running", "ending" })
    t:equal({ (proof(with { [row] = list("NodePoolList", { named "another" }) })),
      (proof(with { [row] = list("NodePoolList", { named(TOKEN, "2026-11-20T09:00:00Z") }) })),
      (proof(with { [row] = list("NodePoolList", { named "another" }) }, "cplz-0a1b2c3d-44556677")) },
      { "running", "ending", "stopped" })
    t:equal({ (proof(with { ["GET " .. POOL] = FORBIDDEN })), (proof(with { [row] = LOST })),
      (proof(with { ["GET /api/v1/nodes"] = FORBIDDEN })), (proof(with { ["GET " .. SERVICE] = LOST })) },
      { "refused", "transient", "refused", "transient" })
  end)

  t:case("proof: every page of the nodes is read, by the label of the pool", function()
    local node, asked = { metadata = { name = "n" } }, {}
    local state = proof(with { ["GET /api/v1/nodes"] = function(request)
      asked[#asked + 1] = request.url:match "labelSelector=([^&]+)"
      return request.url:find("continue=b", 1, true) and list("NodeList", { node })
        or list("NodeList", {}, "b")
    end }, "cplz-0a1b2c3d-44556677")
    t:equal({ state, asked }, { "running", { "compute.coreweave.com%2Fnode-pool%3D" .. TOKEN,
      "compute.coreweave.com%2Fnode-pool%3D" .. TOKEN } })
  end)

  t:case("what is made by name: a lost answer is looked up, another's is not taken for ours", function()
    local post = "POST " .. HERE .. "services"
    local function expose(answer, there)
      local ok, result = run({ [post] = answer, ["GET " .. SERVICE] = there }, function(provider)
        provider.expose({ token = TOKEN }, { { port = 1, protocol = "tcp" } })
        return "made"
      end)
      return ok and result or result.kind
    end
    local theirs = object("Service", { metadata = { name = TOKEN, labels = {} } })
    local taken = status("AlreadyExists", 409)
    t:equal({ expose(object "Service"), expose(LOST, object "Service"), expose(taken, object "Service"),
      expose(LOST), expose(taken), expose(taken, theirs), expose(FORBIDDEN, object "Service"),
      expose({ body = "<html>" }) },
      { "made", "made", "made", "transient", "refused", "refused", "refused", "broken" })
  end)

  t:case("a create that is refused made nothing that is ours; its answer is not asked for twice", function()
    local function create(answer, there)
      local ok, result, sent = run({ ["POST " .. POOLS] = answer, ["GET " .. POOL] = there },
        function(provider, require)
          local order = { token = TOKEN, candidate = { offer = { gpus = 8, native = { type = "x" } } } }
          return provider.create(order, require("base.ticket").new(function() end)).id
        end)
      local posts = 0
      for _, word in ipairs(sent) do posts = posts + (word == "POST " .. POOLS and 1 or 0) end
      return ok and result or result.kind, posts
    end
    t:equal({ create(object "NodePool") }, { TOKEN, 1 })
    t:equal({ create(LOST, object "NodePool") }, { "transient", 1 }, "money.rent looks for it")
    t:equal({ create(FORBIDDEN, object "NodePool") }, { "refused", 1 })
    t:equal({ create(status("AlreadyExists", 409), object "NodePool") }, { TOKEN, 1 })
    t:equal({ create(status("AlreadyExists", 409)) }, { "refused", 1 })
  end)

  t:case("tidy: what is there after its end is told", function()
    local secret = HERE .. "secrets/" .. TOKEN
    local function tidy(delete)
      local there = true
      local ok, why = run({ any_connection = true,
        ["GET " .. secret] = function() return there and object "Secret" or GONE end,
        ["DELETE " .. secret] = function()
          there = delete ~= DONE
          return delete
        end }, function(provider) provider.tidy { token = TOKEN } end)
      return ok or why.message
    end
    local told = "secrets/" .. TOKEN .. " is still there"
    t:equal({ tidy(DONE), tidy(LOST), tidy(FORBIDDEN) }, { true, told, told })
  end)

  t:case("a pool without a pod is over; one of which that is not known is not", function()
    local function get(its_pod)
      local ok, result = run({ ["GET " .. POOL] = object "NodePool",
        ["GET " .. HERE .. "pods/" .. TOKEN] = its_pod }, function(provider) return provider.get(TOKEN) end)
      return ok and result.status or result.kind
    end
    t:equal({ get(GONE), get(LOST), get(object("Pod", { status = { phase = "Running" } })) },
      { "exited", "transient", "running" })
  end)

  t:case("a key of nobody, and whole nodes that nobody allowed", function()
    local review = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
    local function account(answer)
      local ok, result = run({ [review] = answer }, function(provider) return provider.account() end)
      return ok and result.name or result.kind
    end
    local ada = object("SelfSubjectReview", { status = { userInfo = { username = "ada" } } })
    t:equal({ account(ada), account(object "SelfSubjectReview"), account(status("Unauthorized", 401)) },
      { "ada", "broken", "auth" })
    local right = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    local function offers(env, answer)
      local ok, result, sent = run({ [right] = answer },
        function(provider) return #provider.offers {} end, env)
      return ok and result or result.kind, #sent
    end
    t:equal({ offers { COREWEAVE_WHOLE_NODES = "no" } }, { 0, 0 })
    t:equal({ offers { COREWEAVE_WHOLE_NODES = false } }, { 0, 0 }, "nobody said anything")
    t:equal((offers({}, LOST)), "transient", "rights that nobody told of are none")
  end)

  t:case("another key is asked for its own rights, and nothing rents without a ticket", function()
    local seen = {}
    local yes = object("SelfSubjectAccessReview", { status = { allowed = true } })
    local ok, why = run({ ["GET /api/v1/namespaces/default"] = object "Namespace",
      ["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = function(request)
        seen[json.encode(request.headers):match "Bearer (%w+)"] = true
        return yes
      end }, function(provider, require)
      for _, key in ipairs { "k", "other" } do
        require("config.effective").use("COREWEAVE_API_KEY", key, "here")
        provider.offers {}
      end
    end)
    t:ok(ok and seen.k and seen.other, tostring(why))
    local _, refused, sent = run({}, function(_, require)
      local client = require("base.http").client { base = "https://k.example", writes = { "POST ^/" } }
      client:post(POOLS, { json = {} })
    end)
    t:ok(#sent == 0 and tostring(refused):find("needs client:create", 1, true), tostring(refused))
  end)

  t:case("the guard's calls: by the cluster's authority, and a pod that may leave", function()
    local map = HERE .. "configmaps/kube-root-ca.crt"
    local function request(answer)
      local ok, result = run({ ["GET " .. map] = answer }, function(provider)
        return provider.terminate_request(TOKEN)
      end)
      return ok and { result.ca_pem, result.leave, result.url, result.rehearse.url == result.url }
        or result.kind
    end
    t:equal({ request(object("ConfigMap", { data = { ["ca.crt"] = "PEM" } })), request(object "ConfigMap"),
      request(object("ConfigMap", { data = { ["ca.crt"] = "" } })) },
      { { "PEM", true, "https://kubernetes.default.svc" .. POOL, true }, "broken", "broken" })
  end)
end
