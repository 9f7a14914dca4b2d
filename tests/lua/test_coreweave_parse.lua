-- SPDX-License-Identifier: MIT
-- CoreWeave, pure: how a cluster's answers read, what is asked of it, and the guard's script, run for real.
local card = require "providers.coreweave.card"
local guard = require "providers.coreweave.guard"
local json = require "base.json"
local parse = require "providers.coreweave.parse"
local sorted = require "base.sorted"
local subprocess = require "base.subprocess"

local TOKEN = "cplz-0a1b2c3d-00112233"

local function status(reason, code, message)
  return { kind = "Status", status = "Failure", reason = reason, code = code, message = message or "words" }
end

local function pool(more)
  local row = { metadata = { name = TOKEN, creationTimestamp = "2026-11-20T08:00:00Z",
    labels = { [parse.TOKEN] = TOKEN, [parse.OURS] = "continueplz" } },
    spec = { instanceType = "gd-8xl40-i128", computeClass = "default" } }
  for name, value in sorted(more or {}) do row[name] = value end
  return row
end

local function pod(phase) return { status = { phase = phase } } end

return function(t)
  t:case("errors: only a Status says what went wrong; gone is a missing object, and nothing else", function()
    for _, row in ipairs {
      { 401, status("Unauthorized", 401), "auth" }, { 403, status("Forbidden", 403), "refused" },
      { 403, status("Forbidden", 403, "pods is forbidden: exceeded quota: gpus"), "quota" },
      { 404, status("NotFound", 404), "refused", "gone" },
      { 409, status("AlreadyExists", 409), "refused", "duplicate" },
      { 409, status("Conflict", 409), "transient", "busy" }, { 410, status("Expired", 410), "transient",
        "expired" }, { 422, status("Invalid", 422), "refused" },
      { 400, status("BadRequest", 400), "refused" },
      { 429, status("TooManyRequests", 429), "rate" }, { 500, status("InternalError", 500), "transient" },
      { 503, status("ServiceUnavailable", 503), "transient" }, { 504, status("Timeout", 504), "transient" },
      { 500, status("Whatever", 500), "transient" }, { 418, status("Whatever", 418), "refused" },
      { 200, status("NotFound", 404), "refused", "gone" }, { 404, {}, "broken" }, { 404, nil, "broken" },
      { 200, nil, "broken" }, { 502, nil, "transient" }, { 401, {}, "auth" }, { 429, nil, "rate" },
    } do
      local body = row[2]
      local told = parse.problem(row[1], body and json.encode(body) or "<html>", body)
      t:ok(told, "row of " .. row[1])
      t:equal({ told.kind, told.code }, { row[3], row[4] }, ("%d %s"):format(row[1], body and body.reason))
    end
    t:equal({ parse.problem(200, "{}", {}), parse.problem(200, "", { kind = "Pod" }),
      parse.problem(200, "", { kind = "Status", status = "Success" }) }, {})
  end)

  t:case("a pool: what is ending is not gone, what has no pod is over, what is odd is unknown", function()
    local function read(row, its_pod)
      local it = parse.instance(row, its_pod)
      return it.status .. " " .. it.native
    end
    for want, given in sorted { ["booting Pending"] = pod "Pending", ["running Running"] = pod "Running",
      ["exited Succeeded"] = pod "Succeeded", ["exited Failed"] = pod "Failed", ["unknown Odd"] = pod "Odd",
      ["unknown pool"] = {} } do
      t:equal(read(pool(), given), want)
    end
    t:equal({ read(pool()), read(pool(), false) }, { "booting pool", "exited pool" })
    local ending = pool()
    ending.metadata.deletionTimestamp = "2026-11-20T09:00:00Z"
    t:equal({ read(ending), read(ending, pod "Running") }, { "exited terminating", "exited terminating" })
    local it = parse.instance(pool { spec = { instanceType = "x", computeClass = "spot" } })
    t:equal({ it.spot, it.started, it.token, it.id }, { true, 1795161600, TOKEN, TOKEN })
    t:equal({ parse.instance(pool()).spot, parse.instance(pool { spec = { instanceType = "x" } }).spot },
      { false, false })
    local foreign = parse.instance { metadata = { name = TOKEN }, spec = { instanceType = "x" } }
    t:equal({ foreign.id, foreign.token }, { TOKEN }, "a name is no label")
    for _, bad in ipairs { {}, { metadata = {} }, pool { spec = {} }, { metadata = { name = 7 } } } do
      t:equal((parse.instance(bad)), nil)
    end
  end)

  t:case("an address is known with its ports, the outer one for each inner one", function()
    local service = { spec = { ports = { { port = 443, targetPort = 30123, protocol = "TCP" },
      { port = 9, targetPort = "named", protocol = "TCP" } } } }
    local it = parse.instance(pool(), pod "Running", service)
    t:equal({ it.ip, it.ports }, { nil, {} }, "not before there is one")
    service.status = { loadBalancer = { ingress = { { ip = "203.0.113.7" } } } }
    it = parse.instance(pool(), pod "Running", service)
    t:equal({ it.ip, it.ports }, { "203.0.113.7", { ["30123/tcp"] = 443 } })
    local made = parse.service(TOKEN, { { port = 30123, protocol = "tcp" } })
    t:equal({ made.spec.type, made.spec.externalTrafficPolicy, made.spec.selector[parse.TOKEN],
      made.spec.ports }, { "LoadBalancer", "Local", TOKEN, { { name = "tcp1", protocol = "TCP", port = 30123,
        targetPort = 30123 } } })
  end)

  t:case("what is asked for: spot where that was agreed, and nobody else's pods on the node", function()
    local function class(spot)
      local made = parse.pool { token = TOKEN, candidate = { spot = spot,
        offer = { gpus = 8, native = { type = "gd-8xl40-i128" } } } }
      t:equal({ made.metadata.labels[parse.TOKEN], parse.ours(made) }, { TOKEN, true })
      t:equal(made.spec.nodeTaints, { { key = parse.TOKEN, value = TOKEN, effect = "NoSchedule" } })
      return made.spec.computeClass
    end
    t:equal({ class(true), class(false) }, { "spot", "default" })
    t:equal({ parse.ours { metadata = { name = TOKEN, labels = { [parse.TOKEN] = TOKEN } } },
      parse.ours { metadata = { labels = { [parse.OURS] = "somebody" } } } }, { false, false })
  end)

  t:case("prices: of the dated table, each with its public address, charged from the create", function()
    local dear, count = card.prices.address_hour, 0
    for _, row in ipairs(card.prices.types) do
      local offer = parse.offer(card.prices, row, {})
      count = count + (offer.spot and 1 or 0)
      t:equal({ offer.on_demand, offer.spot, offer.gpus, offer.from_create, offer.source, offer.disk_hour },
        { row.on_demand + dear, row.spot and row.spot + dear, 8, true, "table", 0 }, row.id)
      t:ok(offer.vram_gb < 200 and offer.at < 1800000000, "memory of one card, and the table's day")
    end
    t:ok(count > 0 and dear > 0.005 and dear < 0.006)
  end)

  t:case("whose key: another name or another cluster is another account", function()
    local ids = {}
    for _, pair in ipairs { { "a", "https://x" }, { "b", "https://x" }, { "a", "https://y" } } do
      ids[parse.account_id(pair[1], pair[2])] = true
    end
    t:equal(#sorted.keys(ids), 3)
  end)

  -- The guard's CronJob for a life of so many seconds. → its command
  local function command(life)
    local made = guard.cron(TOKEN, { namespace = "ns", inside = "https://in", image = "curl",
      meta = parse.meta, tolerations = parse.tolerations(TOKEN), born = 1000, boot = 600, life = life })
    local job, spec = made.spec, made.spec.jobTemplate.spec
    t:equal({ job.schedule, job.concurrencyPolicy, spec.template.spec.serviceAccountName,
      spec.template.spec.automountServiceAccountToken, spec.activeDeadlineSeconds < 300 },
      { "*/5 * * * *", "Forbid", TOKEN, true, true })
    return spec.template.spec.containers[1].command
  end

  t:case("the cluster's own guard: until when a pod may wait and run, and what is ended then", function()
    local words = command(3600)
    t:equal({ table.unpack(words, 5) }, { "https://in/api/v1/namespaces/ns/pods/" .. TOKEN, "1600", "5200",
      "https://in" .. guard.POOLS .. "/" .. TOKEN, "https://in/api/v1/namespaces/ns/pods/" .. TOKEN,
      "https://in/api/v1/namespaces/ns/services/" .. TOKEN })
    t:ok(tonumber(command(0)[7]) > 4e9, "a life that is off")
  end)

  t:case("its account may look at and end this one machine, in its own namespace", function()
    local made = guard.account(TOKEN, "ns", parse.meta)
    t:equal({ made.cluster_role.rules, made.role.rules }, {
      { { apiGroups = { "compute.coreweave.com" }, resources = { "nodepools" }, resourceNames = { TOKEN },
        verbs = { "get", "delete" } } },
      { { apiGroups = { "" }, resources = { "pods" }, resourceNames = { TOKEN },
          verbs = { "get", "delete" } },
        { apiGroups = { "" }, resources = { "services" }, resourceNames = { TOKEN },
          verbs = { "delete" } } } })
    for _, kind in ipairs { "binding", "cluster_binding" } do
      t:equal(made[kind].subjects, { { kind = "ServiceAccount", name = TOKEN, namespace = "ns" } })
    end
    t:equal(made.token.metadata.annotations, { ["kubernetes.io/service-account.name"] = TOKEN })
  end)

  -- Stands before the script: the cluster's answers, one end that it refuses, the time.
  local STUBS = [[
date() { echo "$NOW"; }
curl() { case "$*" in *DELETE*) eval last=\${$#}; echo "end $last"; [ "$last" != "$REFUSED" ] ;;
  *) printf '%s' "$ANSWER" ;; esac; }
cat() { :; }
]]

  -- What the script does at this time. → exit code, what it ended
  local function at(now, answer, refused)
    local words = command(3600)
    words[3] = STUBS .. words[3]
    local result = subprocess.run(words, nil, { seconds = 60, env = { "PATH=/usr/bin:/bin", "NOW=" .. now,
      "ANSWER=" .. answer, "REFUSED=" .. (refused or "") } })
    local ended = {}
    for line in result.out:gmatch "end (%S+)" do ended[#ended + 1] = line:match "%l+s/[^/]+$":match "^%l+" end
    return result.code, table.concat(ended, " ")
  end

  t:case("its script: what is over is ended at once, what waits or runs when its time is over", function()
    local ALL = "nodepools pods services"
    for _, space in ipairs { "", " " } do
      local function phase(word) return ('{\n  "status": {"phase":%s"%s"}\n}'):format(space, word) end
      for _, row in ipairs { { 1, phase "Succeeded", ALL }, { 1, phase "Failed", ALL },
        { 1, ('{"reason":%s"NotFound"}'):format(space), ALL }, { 1599, phase "Pending", "" },
        { 1600, phase "Pending", ALL }, { 1600, phase "Running", "" }, { 5199, phase "Running", "" },
        { 5200, phase "Running", ALL }, { 5199, phase "Unknown", "" }, { 5199, "<html>", "" },
        { 5199, "", "" }, { 5200, "", ALL } } do
        t:equal({ at(row[1], row[2]) }, { 0, row[3] }, row[1] .. row[2])
      end
    end
    t:equal({ at(5200, "", "https://in" .. guard.POOLS .. "/" .. TOKEN) }, { 1, ALL },
      "what is refused keeps nothing else, and is told")
  end)
end
