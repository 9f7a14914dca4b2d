-- SPDX-License-Identifier: MIT
-- Mistakes for dst/mutants.lua: { name=, file= (below lua/), find=, replace=, expects = the invariant that is
-- broken then, cloud = "vast" (default), "lambda" or "both", parts, only, seeds, from: as options of
-- dst/run.lua, when not the random histories and crash points; all = every way of a crash point, long = the
-- long cases too }. Instead of `expects`: by = "lua" with tests = names of files of the Lua tests that must
-- fail then ("vast" is tests/lua/test_vast.lua), or by = "e2e" with tests = a part of titles of tests/e2e.
local list = {
  -- S1: a record on disk before a create leaves, and every token leaves once
  { name = "a create whose answer is lost is sent again", file = "base/client.lua", expects = "S1",
    find = "  return performers[self](spec)\nend\n\n--- {base=",
    replace = "  local ok, answer = pcall(performers[self], spec)\n"
      .. "  return ok and answer or performers[self](spec)\nend\n\n--- {base=" },
  { name = "the ticket is used up after the create", file = "base/client.lua", expects = "S1",
    find = "  if not only_told(self, order_ticket) then ticket.use(order_ticket) end\n"
      .. "  return performers[self](spec)\n",
    replace = "  local answer = performers[self](spec)\n  ticket.use(order_ticket)\n  return answer\n" },
  { name = "a cloud's script repeats its create, and a ticket is good for several", file = "base/ticket.lua",
    expects = "S1", find = "  unused[t], used[t] = nil, true\n", replace = "",
    also = { file = "providers/vast.lua", find = "  local response = client():create(ticket, ",
      replace = "  local twice = { create = function(_, ...)\n    local all = table.pack(...)\n"
        .. "    return http.retry(function() return client():create(table.unpack(all, 1, all.n)) end)\n"
        .. "  end }\n" .. "  local response = twice:create(ticket, " } },
  { name = "a create leaves without `sent`", file = "home/journal.lua", expects = "S1",
    find = 'ticket.new(function() self:append("sent", token) end)', replace = "ticket.new(function() end)" },
  { name = "a create leaves without an intent", file = "home/journal.lua", expects = "S1",
    find = '  self:append("intent", token, plan)\n', replace = "" },
  { name = "the intent names no account", file = "start/create.lua", expects = "S1",
    find = "account = account, ", replace = "" },
  { name = "things are made around a machine without a record", file = "money/resources.lua", expects = "S1",
    cloud = "lambda", find = '  journal:append("preparing", order.token)\n', replace = "" },

  -- S2: nothing says "ended" while something bills
  { name = "one absence is proof", parts = "crash", only = "everything denies", file = "money/proof.lua",
    expects = "S2", find = "local ABSENCES = 2", replace = "local ABSENCES = 1" },
  { name = "proof without the list", parts = "crash", only = "get denies", file = "providers/vast.lua",
    expects = "S2", find = "if each.id == tostring(session.id) or each.token == session.token then",
    replace = "if false then" },
  { name = "proof without asking for the machine itself", parts = "crash", only = "list hides",
    file = "providers/vast.lua", expects = "S2",
    find = '{ state = instance.status == "gone" and "stopped" or "running", evidence',
    replace = '{ state = "stopped", evidence' },
  { name = "proof without asking for the machine itself, Lambda", parts = "crash", only = "list hides",
    file = "providers/lambda.lua", expects = "S2", cloud = "lambda", find = 'instance.status == "gone" and '
      .. '"stopped" or instance.native == "terminating" and "ending" or "running"', replace = '"stopped"' },
  { name = "absent from a list that failed", parts = "crash", only = "the list fails",
    file = "providers/vast.lua", expects = "S2", find = "    local rows, token = page(after)\n",
    replace = "    local ok, rows, token = fail.try(page, after)\n    if not ok then return list end\n" },
  { name = "whatever goes wrong with `get` means gone", parts = "crash", only = "list hides",
    file = "providers/vast.lua", expects = "S2",
    find = '    if fail.is(response, "refused") and response.code == "gone" then',
    replace = "    if true then" },
  { name = "whatever goes wrong with `get` means gone, Lambda",
    parts = "crash", only = "list hides", file = "providers/lambda.lua", expects = "S2", cloud = "lambda",
    find = '    if fail.is(response, "refused") and response.code == "gone" then',
    replace = "    if true then" },
  { name = "a refused key means gone", parts = "crash", only = "key is refused",
    file = "providers/vast/parse.lua", expects = "S2", find = '  if kind == "refused" and (code == '
      .. '"no_such_instance" or code == "not_found") then\n    failure.code = "gone"',
    replace = '  if code == "no_such_instance" or code == "not_found" or kind == "auth" then\n'
      .. '    failure.kind, failure.code = "refused", "gone"' },
  { name = "the account is not compared", parts = "crash", only = "another account", file = "money/proof.lua",
    expects = "S2",
    find = "  if tostring(account.id) ~= tostring(session.account) then", replace = "  if false then" },
  { name = "stop closes what is not proven", parts = "cases", only = "proof: ", file = "money/stop.lua",
    expects = "S2", find = '  if outcome ~= "unproven" then\n    if not journal:try_append("closed"',
    replace = '  if outcome then\n    if not journal:try_append("closed"' },
  { name = "a time-out means that nothing was rented", parts = "cases", only = "create: shows 4",
    file = "money/rent.lua", expects = "S2",
    find = "auth = true, rate = true }", replace = "auth = true, rate = true, transient = true }" },
  { name = "stop exits with 0 whatever came out", parts = "cases", only = "proof: ",
    file = "commands/stop.lua",
    expects = "S2", find = 'return failed and "failed" or 0', replace = "return 0" },
  { name = "a stop that failed does not say what may bill", file = "ui/stopped.lua", by = "lua",
    tests = "endpoint", find = '  if result.outcome == "unproven" then\n    for',
    replace = '  if result.outcome == "x" then\n    for' },
  { name = "the wall clock is believed when a lost create is given up", parts = "crash", only = "ten years",
    file = "money/stop.lua", expects = "S2",
    find = "local window = believable and math.max(0, full - age) or full",
    replace = "local window = math.max(0, full - age)" },
  { name = "a machine that never showed has to show at once", parts = "crash", only = "never showed",
    file = "money/proof.lua", expects = "S2",
    find = "    if not known.seen then gap =", replace = "    if false then gap =" },
  { name = "the last line knows only bound machines", file = "ui/money.lua", expects = "S2",
    find = "  if session.started then\n    return (\"may be running",
    replace = "  if false then\n    return (\"may be running" },

  { name = "a record that was changed is believed", file = "money/look.lua", expects = "S2", parts = "crash",
    only = "deleted", find = "  if journal.lock then return not journal.intact or "
      .. "journal.trouble ~= nil end\n", replace = "  do return false end\n", also = { file = "ui/money.lua",
        find = "  if #shown + #things == 0 and not require(\"home.folder\").intact(home) then",
        replace = "  if false then" } },
  { name = "one look at the clouds says that nothing runs", file = "money/look.lua", expects = "S2",
    parts = "cases", only = "after: the journal is deleted",
    find = "local LOOKS, TRIES, PAUSE = 2, 4, 5", replace = "local LOOKS, TRIES, PAUSE = 1, 4, 5" },
  { name = "the clouds are asked by whatever account", file = "money/look.lua", expects = "S2",
    parts = "crash", only = "with the key of another account",
    find = "  if account and own ~= tostring(account) then", replace = "  if false then" },

  -- S3: only what is ours
  { name = "twins of any token are ended", file = "money/proof.lua", expects = "S3",
    find = "if instance.token == session.token and tostring(instance.id)",
    replace = "if tostring(instance.id)" },
  { name = "whatever has a token like ours is ours", file = "money/rent.lua", expects = "S3",
    find = "if instance.token == token then",
    replace = 'if instance.token and instance.token:find("^cplz%-") then' },
  { name = "tidying removes everybody's keys", file = "providers/lambda.lua", expects = "S3",
    cloud = "lambda", find = "    if row.name == name then", replace = "    if row.name then" },

  -- S4: one machine at a time
  { name = "a machine that fails is not undone", file = "start/deploy.lua", expects = "S4",
    find = "  undo.session(start, attempt.session, attempt.provider, why)\n", replace = "" },
  { name = "a start does not look for a running machine", file = "money/recover.lua", expects = "S4",
    parts = "crash", only = "stop after the journal was deleted",
    find = "  if current then busy(journal, current) end", replace = "" },
  { name = "a lost create is looked for once", parts = "crash", only = "shows late", file = "money/rent.lua",
    expects = "S4",
    find = '  local window = timing.of(provider, "consistency")', replace = "  local window = 0" },
  { name = "only the first page of the list is read", file = "providers/vast.lua", expects = "S4",
    only = "among many",
    find = "    if not token then\n      return list", replace = "    if true then\n      return list" },
  { name = "a start goes on after an unproven end", parts = "crash", only = "is not ended",
    file = "start/undo.lua", expects = "S4",
    find = '  if outcome == "unproven" then', replace = "  if false then" },
  { name = "the lock is ignored", file = "home/journal.lua", expects = "S4",
    find = "  if not lock then\n    local pid",
    replace = "  lock = lock or { release = function() end }\n  if not lock then\n    local pid" },

  { name = "a start does not look for a second machine of its create", file = "money/twins.lua",
    expects = "S4", parts = "crash", only = "two machines from one",
    find = "local found = proof.others(list, session)", replace = "local found = {}" },

  -- S5: no more than was agreed
  { name = "MAX_PRICE is ignored without a terminal", file = "money/price_limit.lua", expects = "S5",
    parts = "policies", find = '  above_price(self, candidate, self.limit, "MAX_PRICE")\n', replace = "" },
  { name = "a screen of the user's own may agree to a sum", file = "commands/up.lua", expects = "S5",
    parts = "consent",
    find = 'local asking = require("sandbox.world").builtin("ui.progress").new { json = ctx.json }',
    replace = "local asking = ctx.screen" },
  { name = "a line without anybody to ask covers any sum below MAX_PRICE", file = "money/price_limit.lua",
    expects = "S5", parts = "consent",
    find = "  if candidate.total > bound * NOISE then", replace = "  if false then" },
  { name = "one yes covers every sum", file = "money/price_limit.lua", expects = "S5", parts = "consent",
    find = "  if self.agreed and candidate.total <= self.agreed * PERSON * NOISE then",
    replace = "  if self.agreed then" },
  { name = "the price after the create is not compared", file = "money/price_limit.lua", expects = "S5",
    find = "  if instance.hourly > agreed * PRICE_TOLERANCE then", replace = "  if false then" },

  -- S6: the account's key stays where it is
  { name = "the key is sent to the machine", file = "start/bootstrap/push.lua", expects = "S6",
    find = "env = { [bundle.private_env] = spec.key:secret() }", replace = 'env = { [bundle.private_env] = '
      .. 'spec.key:secret(), CPLZ_ACCOUNT = require("config.effective").secret("VAST_API_KEY") }' },
  { name = "the key is in an address", file = "providers/vast.lua", expects = "S6",
    find = '{ query = { owner = "me" } }',
    replace = '{ query = { owner = "me", api_key = config.secret("VAST_API_KEY") } }' },
  { name = "the key is in the journal", file = "start/create.lua", expects = "S6",
    find = "    currency = offer.currency, minimum",
    replace = '    currency = offer.currency, key = config.secret("VAST_API_KEY"), minimum' },
  { name = "the agent's environment holds the key", file = "home/agent_client.lua", expects = "S6",
    find = "local value = not (setting.secret or setting.secret_url) and process.getenv(setting.name)",
    replace = "local value = process.getenv(setting.name)" },
  { name = "the registry is sent the key", file = "engines/ollama/registry.lua", expects = "S6",
    find = "headers = { Accept = MANIFEST }",
    replace = 'headers = { Accept = MANIFEST, Authorization = config.secret("VAST_API_KEY") }' },
  { name = "the key is shown", file = "start/steps.lua", expects = "S6",
    find = '  ui:done("Selected: " .. create.name_of(first))',
    replace = '  ui:done("Selected: " .. require("config.effective").secret("VAST_API_KEY"))' },
  { name = "the key is logged, and nobody hid it", file = "base/log.lua", expects = "S6",
    find = 'if type(secret) == "string" and secret ~= "" then host.log.hide(secret) end',
    replace = 'if type(secret) == "string" then write("DEBUG", "hidden", { secret }) end' },

  -- S8: the journal is whole
  { name = "half a record is written on", file = "home/journal.lua", expects = "S8",
    find = "  if not self.torn then return end\n", replace = "  do return end\n" },
  { name = "a whole record is set aside with half of one", file = "home/journal.lua", expects = "S8",
    find = "data:sub(1, #data - #self.torn)", replace = "data:sub(1, #data - #self.torn - 40)" },
  { name = "records are not chained", file = "home/journal.lua", expects = "S8", find = "  self.last = sum\n",
    replace = "" },
  { name = "what others appended is not read under the lock", file = "home/journal.lua", expects = "S8",
    find = "fail.settle(self.refresh, self)", replace = "true, nil" },
  { name = "a closed journal begins anew", file = "home/journal.lua", expects = "S8",
    find = "  write_line(self, record)\n  self:describe()", replace = '  if kind == "intent" then '
      .. 'files.write(self.path, "") end\n  write_line(self, record)\n  self:describe()' },

  -- E: every command ends
  { name = "a machine may boot for ever", file = "start/machine.lua", expects = "E",
    find = "  while clock.now() < until_ do\n", replace = "  while true do\n" },
  { name = "a push goes on for ever", file = "start/bootstrap/push.lua", expects = "E",
    find = "    task.sleep(timing.seconds(3))\n  until clock.now() > until_",
    replace = "    task.sleep(timing.seconds(3))\n  until false" },

  -- E1: what the client left alone ends itself
  { name = "the guard has no limits", file = "start/bootstrap/bundle.lua", expects = "E1",
    find = "add(name, whole(limits[name], name, 0)) end", replace = "add(name, 0) end" },
  { name = "the guard is not given the key", file = "start/bootstrap/user_data.lua", expects = "E1",
    cloud = "lambda", parts = "cases", only = "limits: life alone, the computer dies while",
    find = "  if spec.account_key then\n", replace = "  if false then\n" },
  { name = "ready before the guard can end the machine", parts = "cases",
    only = "machine: its guard has no key", file = "start/steps.lua", expects = "E1",
    find = '  if not detail.ready and attempt.spec.guard ~= "none" then', replace = "  if false then" },
  { name = "the guard is left out of the start", parts = "crash", only = "gets no key",
    file = "start/deploy.lua", expects = "E1",
    find = '  { name = "guard", title = "Arming the guard", machine = true },\n', replace = "" },
  { name = "the guard comes after the model", parts = "crash", only = "gets no key",
    file = "start/deploy.lua", expects = "E1", find = '  { name = "guard", title = "Arming the guard", '
      .. 'machine = true },\n  { name = "model", title = "Pulling model" },\n',
    replace = '  { name = "model", title = "Pulling model" },\n'
      .. '  { name = "guard", title = "Arming the guard", machine = true },\n' },

  -- E2: what nobody wants is ended by whatever runs next
  { name = "nothing is ever a broken start", file = "money/recover.lua", expects = "E2",
    find = "  if session.closed then return false end", replace = "  if true then return false end" },
  { name = "the agent never watches", file = "agent/main.lua", expects = "E2",
    find = ", duty(self, next_look) }", replace = " }" },
  { name = "the agent does not look at the cloud", file = "agent/main.lua", expects = "E2",
    parts = "cases", only = "agent: the journal is deleted",
    find = "(early_stop.about(self.ahead, session) and finish_asked or look)(self, session)",
    replace = "if early_stop.about(self.ahead, session) then finish_asked(self, session) end" },
  { name = "the agent does not finish a stop that asked it", parts = "cases", file = "agent/main.lua",
    only = "agent: a stop that asked it", expects = "E2",
    find = "(early_stop.about(self.ahead, session) and finish_asked or look)(self, session)",
    replace = "if not early_stop.about(self.ahead, session) then look(self, session) end" },
  { name = "the agent leaves cut off starts alone", file = "agent/main.lua", expects = "E2",
    find = "  leftovers(self)\n", replace = "" },
  { name = "a silent machine bills on", file = "agent/watch.lua", expects = "E2", cloud = "lambda",
    parts = "crash", only = "ended by itself",
    find = "stuck(session, contact) or overdue(session, contact)", replace = "stuck(session, contact)" },
  { name = "a lost create is forgotten", file = "money/stop.lua", expects = "E2",
    find = "  local bound = resolve(journal, provider, session, window)\n", replace = "  local bound\n" },

  -- E3: with everything in order a start succeeds
  { name = "half a record stands in the way of a start", file = "money/recover.lua", expects = "E3",
    find = "  if #journal.damaged == 0 then return end\n", replace = '  if journal.torn then '
      .. 'fail.raise("config", "half a record") end\n  if #journal.damaged == 0 then return end\n' },
  { name = "a bound machine is not in the journal", file = "money/rent.lua", expects = "E3",
    find = '  intent.journal:try_append("bound", intent.token, { id = id, adopted = adopted })\n',
    replace = "" },
  { name = "leftovers are not finished before a start", file = "money/recover.lua", expects = "E3",
    find = "  refuse_unproven(finish(journal, ui, nil, what_may_be_undone(journal)))\n", replace = "" },

  -- E5: nothing is left around machines
  { name = "nothing is tidied", file = "money/resources.lua", expects = "E5", cloud = "lambda",
    find = "  local ok, problem = fail.try(provider.tidy, session)\n",
    replace = "  local ok, problem = true, nil\n" },
  { name = "what could not be tidied is not tried again", file = "money/resources.lua", expects = "E5",
    cloud = "lambda", find = "  for _, session in ipairs(journal:untidy()) do\n    if due",
    replace = "  for _, session in ipairs {} do\n    if due" },

  { name = "stop leaves what was tried a moment ago", file = "money/stop.lua", expects = "E5",
    cloud = "lambda", parts = "cases", only = "the next stop does",
    find = "  resources.rest(journal, began) -- nobody", replace = "  -- nobody" },

  -- and the rest that the campaign holds
  { name = "a full disk is a mistake of the program", file = "home/journal.lua", expects = "bug",
    find = 'fail.raise(code == "full" and "config" or "internal", ("the journal',
    replace = 'fail.raise("internal", ("the journal' },
  { name = "tokens come from addresses of tables", file = "home/journal.lua", expects = "S10",
    parts = "determinism", find = "keys.random_hex(6)", replace = 'tostring({}):match("0x(%x+)"):sub(-12)' },
}

for _, name in ipairs { "dst.mistakes_cases", "dst.mistakes_world" } do
  for _, mistake in ipairs(require(name)) do
    mistake.parts = mistake.parts or "cases"
    list[#list + 1] = mistake
  end
end

for _, subject in ipairs { "money", "clouds", "record", "machine", "around", "watch", "text", "sweep",
  "coreweave", "paperspace", "rules", "beside", "screen", "progress" } do
  table.move(require("dst.mistakes_" .. subject), 1, 1000, #list + 1, list)
end

-- What must be shown to be able to fail.
local invariants = { "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "E", "E1", "E2", "E3", "E4",
  "E5", "bug" }

return { list = list, invariants = invariants }
