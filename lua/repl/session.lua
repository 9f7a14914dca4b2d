-- SPDX-License-Identifier: MIT
-- One session of the REPL: runs lines and shows what they give. It knows no terminal;
-- out and err are functions.
local chunk = require "sandbox.chunk"
local clock = require "base.clock"
local conceal = require "base.conceal"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local task = require "base.task"
local world = require "sandbox.world"
local exitcodes = require "facts.exitcodes"
local commands = require "repl.commands"
local evaluate = require "repl.evaluate"
local scope = require "repl.scope"
local trace = require "repl.trace"
local pretty = require "ui.pretty"

local session = {}
session.__index = session

local function sample(self)
  local want = require("start.want").make { strict = false }
  for _, note in ipairs(want.notes) do
    self:note(note)
  end
  return want
end

local function print_of(self)
  return function(...)
    local parts = table.pack(...)
    for index = 1, parts.n do
      parts[index] = tostring(parts[index])
    end
    local text = conceal.text(table.concat(parts, "\t")) .. "\n"
    local write = self.json and self.err or self.out
    write(text)
  end
end

--- A session. options: ctx (of the command), provider (name), out(text), err(text), width() → columns.
function session.new(options)
  local self = setmetatable({
    ctx = options.ctx, json = options.ctx.json, provider = options.provider, out = options.out,
    err = options.err, width = options.width, code = 0,
  }, session)
  self.scope = scope.new {
    provider = options.provider, want = function() return sample(self) end, print = print_of(self),
    pretty = function(value, how) return table.concat(pretty.lines(value, how), "\n") end,
  }
  return self
end

--- Text for the person, beside the results.
function session:note(text) self.err(conceal.text(text) .. "\n") end

--- Text that answers a command: a result of its own, except in JSON.
function session:say(text)
  if self.json then
    self:note(text)
  else
    self.out(conceal.text(text) .. "\n")
  end
end

--- Shows every request and answer from now on, or no more.
function session:trace(on)
  self.tracing = on
  local function show(lines) self.err(table.concat(lines, "\n") .. "\n") end
  http.watch(on and function(request)
    show(trace.request(request, self.width()))
    return function(answer) show(trace.answer(answer, self.width())) end
  end or nil)
end

-- The sources whose lines an error may name.
local function files_of(self)
  local list = { "repl", "stdin" }
  for _, module in ipairs { "providers.", "facts." } do
    for _, name in ipairs { self.provider, table.unpack(scope.providers()) } do
      list[#list + 1] = world.source(module .. name)
    end
  end
  return list
end

local LABELS = { string = true, number = true, boolean = true }

-- A value as JSON can hold it, without secrets. Tables in themselves, functions and the like become texts.
local function plain(value, name, open)
  local kind = type(value)
  if conceal.hides(name, value) then return conceal.HIDDEN end
  if kind == "string" then
    local text = conceal.text(value)
    return utf8.len(text) and text or (text:gsub("[\x80-\xff]", "?"))
  end
  if kind == "number" and (value ~= value or value == math.huge or value == -math.huge)
    or kind ~= "table" and kind ~= "number" and kind ~= "boolean" and value ~= json.null then
    return tostring(value):match("^%a+") or kind
  end
  if kind ~= "table" then return value end
  if open[value] then return "<cycle>" end
  open[value] = true
  local made, count, total = {}, #value, 0
  for key, item in next, value do -- order: free
    total = total + 1
    made[key] = plain(item, key, open)
  end
  open[value] = nil
  if total == count and (count > 0 or getmetatable(value) == getmetatable(json.array {})) then
    return json.array(made)
  end
  local object = {}
  for key, item in next, made do -- order: free
    object[LABELS[type(key)] and tostring(key) or "<" .. type(key) .. ">"] = item
  end
  return json.object(object)
end

--- Prints one JSON object, with the answer whether money is running.
function session:emit(object)
  self.out(json.encode(require("cli.money").stamp(object, self.ctx.home)) .. "\n")
end

--- Tells of a failure. → its exit code
function session:failed(failure)
  local code = exitcodes.of(failure)
  if failure == self.stopped then
    self:note(("interrupted after %.1f s"):format(self.seconds))
    return code
  end
  local lines = evaluate.explain(failure, files_of(self))
  self.err("error: " .. table.concat(lines, "\n") .. "\n")
  if self.json then
    local object = { kind = failure.kind, message = plain(fail.message(failure), nil, {}), exit_code = code,
      http_status = failure.status }
    self:emit { status = "failed", error = object }
  end
  return code
end

-- Shows results and keeps them as _, _1, _2 …
local function show(self, results, from)
  local env, last = self.scope.env, self.kept or 0
  if from > results.n then return end
  rawset(env, "_", results[from])
  for index = from, math.max(results.n, last + from - 1) do
    rawset(env, "_" .. index - from + 1, results[index])
  end
  self.kept = results.n - from + 1
  for index = from, results.n do
    if self.json then
      local value = results[index]
      self:emit { status = "ok", result = value == nil and json.null or plain(value, nil, {}) }
    else
      self.out(table.concat(pretty.lines(results[index], { width = self.width() }), "\n") .. "\n")
    end
  end
end

--- Runs fn as a task that `interrupt` ends and that has the deadline of the session. → as fail.try
function session:call(fn)
  local started, limit = clock.now(), self.deadline
  self.running = task.spawn(function()
    local function run() return chunk.run(fn) end
    if limit then return task.deadline(limit, run) end
    return run()
  end)
  local results = table.pack(fail.settle(task.await, self.running))
  self.running, self.seconds = nil, clock.now() - started
  local failure = not results[1] and results[2]
  if failure and fail.is(failure, "interrupted") and failure.signal and failure ~= self.stopped then
    error(failure, 0) -- the REPL itself is to end
  end
  return table.unpack(results, 1, results.n)
end

--- Ends the running line, from a signal. → whether one is running
function session:interrupt()
  if not self.running then return false end
  self.stopped = fail.new { kind = "interrupted", message = "interrupted" }
  task.cancel(self.running, self.stopped)
  return true
end

--- Evaluates Lua. name: what errors call it, like "=repl". → exit code (0: it worked)
function session:evaluate(text, name)
  local fn, message = evaluate.compile(text, name, self.scope.env)
  for _, each in ipairs(evaluate.locals(text)) do
    self.scope.locals[each] = true
  end
  if not fn then
    return self:failed(fail.new { kind = "usage", message = message })
  end
  local results = table.pack(self:call(fn))
  if not results[1] then return self:failed(results[2]) end
  local ok, problem = fail.settle(show, self, results, 2)
  return ok and 0 or self:failed(problem)
end

--- Runs a line: a command when it begins with a colon, else Lua. → exit code
function session:run(text, name)
  local word, rest = text:match("^%s*:(%a*)%s*(.-)%s*$")
  if not word then return self:evaluate(text, name) end
  local ok, code = fail.settle(commands.run, self, word, rest, name)
  return ok and (code or 0) or self:failed(code)
end

--- Does the text need further lines?
function session:unfinished(text)
  if text:find("^%s*:") or text:find("^%s*$") then return false end
  local fn, _, more = evaluate.compile(text, "=repl", self.scope.env)
  return not fn and more
end

return session
