-- SPDX-License-Identifier: MIT
-- Downloading a model through Ollama's own puller (facts/serving.md §1.1, §4): progress summed over layers,
-- an error inside a 200 noticed, a stalled or crawling download dropped and resumed.
local clean = require "base.clean"
local clock = require "base.clock"
local fail = require "base.fail"
local http = require "base.http"
local json = require "base.json"
local log = require "base.log"
local task = require "base.task"
local config = require "config.effective"

local pull = {}

local TRIES = 8
local SILENT = 45         -- seconds without a byte more
local CRAWL = 60          -- seconds below CRAWL_PART of the best rate
local CRAWL_PART = 0.1
local WINDOW = 10         -- seconds over which the rate is taken
local VERIFY = 1800       -- seconds that checking and writing may take without a word
local MAX_LINE = 1 << 20

local function take_line(line, on_line)
  if not line:find("%S") then return end
  local object = json.decode(line)
  if type(object) ~= "table" then
    fail.raise("broken", "the model server sent a line that is no JSON object")
  end
  on_line(object)
end

--- Splits a stream of JSON lines: returns a function(piece) that calls on_line(object) for each whole line.
function pull.lines(on_line)
  local rest = ""
  return function(piece)
    rest = rest .. piece
    local from = 1
    local stop = rest:find("\n", from, true)
    while stop do
      take_line(rest:sub(from, stop - 1), on_line)
      from = stop + 1
      stop = rest:find("\n", from, true)
    end
    rest = rest:sub(from)
    if #rest > MAX_LINE then
      fail.raise("broken", "the model server sends a line without an end")
    end
  end
end

local Meter = {}
Meter.__index = Meter

--- Adds up what the lines tell. layers: {{digest=, size=}, …} or nil when unknown; scale divides the times.
-- Pure: times are given.
function pull.meter(layers, scale)
  local meter = setmetatable({ sizes = {}, done = {}, total = 0, shown = 0, peak = 0, samples = {},
    scale = scale or 1 }, Meter)
  for _, layer in ipairs(layers or {}) do
    if not meter.sizes[layer.digest] then
      meter.sizes[layer.digest] = layer.size
      meter.total = meter.total + layer.size
    end
  end
  meter.known = meter.total > 0
  return meter
end

function Meter:sum()
  local sum = 0
  for _, bytes in pairs(self.done) do -- order: free
    sum = sum + bytes
  end
  return sum
end

--- Bytes per second over the last WINDOW seconds, nil before there is something to compare.
function Meter:measure(now)
  local first, last = self.samples[1], self.samples[#self.samples]
  while #self.samples > 2 and now - self.samples[2].at >= WINDOW / self.scale do
    table.remove(self.samples, 1)
    first = self.samples[1]
  end
  if not first or now - first.at < 1 / self.scale then return nil end
  return math.max(0, (last.bytes - first.bytes) / (now - first.at))
end

--- Takes a progress line at time `now`. → what to show
function Meter:line(line, now)
  local digest = type(line.digest) == "string" and line.digest
  self.status = type(line.status) == "string" and clean.line(line.status, 200) or self.status
  self.fetching = digest and self.status and self.status:sub(1, 8) == "pulling " or false
  self.heard = now
  if digest then
    local size = tonumber(line.total)
    if size and not self.sizes[digest] then
      self.sizes[digest] = size
      if not self.known then
        self.total = self.total + size
      end
    end
    self.done[digest] = tonumber(line.completed) or self.done[digest] or 0
  end
  local sum = self:sum()
  if sum > (self.most or -1) then
    self.most, self.grew = sum, now
  end
  self.samples[#self.samples + 1] = { at = now, bytes = sum }
  self.rate = self:measure(now)
  if self.rate and now - self.samples[1].at >= WINDOW / self.scale * 0.5 then
    self.peak = math.max(self.peak, self.rate)
  end
  if not self.rate or self.rate >= self.peak * CRAWL_PART then
    self.quick = now
  end
  self.shown = math.max(self.shown, math.min(sum, self.total))
  return self:view()
end

--- What the screen shows: never going backwards.
function Meter:view()
  local left = self.total - self.shown
  return {
    status = self.status, bytes = self.shown, total = self.total,
    fraction = self.total > 0 and self.shown / self.total or nil,
    rate = self.rate,
    eta = self.rate and self.rate > 0 and left / self.rate or nil,
  }
end

--- A new connection: what was measured on the old one no longer counts.
function Meter:restart(now)
  self.samples, self.rate, self.most = {}, nil, nil
  self.heard, self.grew, self.quick, self.fetching = now, now, now, false
end

--- Why the download counts as stalled, or nil.
function Meter:stalled(now)
  if not self.fetching then
    return now - self.heard > VERIFY / self.scale
      and "nothing was heard for " .. clock.duration(now - self.heard) or nil
  end
  if now - self.grew > SILENT / self.scale then
    return ("no byte came for %s"):format(clock.duration(now - self.grew))
  end
  if now - self.quick > CRAWL / self.scale then
    return ("the download crawls at %.1f MB/s, its best was %.1f MB/s"):format((self.rate or 0) / 1e6,
      self.peak / 1e6)
  end
  return nil
end

-- Errors of the puller that no further try mends.
local hopeless = { "file does not exist", "not found", "no space left", "unauthorized",
  "requires a newer version", "invalid model name" }

local function refusal(text, name)
  for _, part in ipairs(hopeless) do
    if text:find(part, 1, true) then
      return fail.new { kind = "refused", message = ("%s cannot be downloaded: %s"):format(name, text),
        code = "hopeless" }
    end
  end
  return fail.new { kind = "transient", message = ("the download of %s failed: %s"):format(name, text) }
end

local function once(base, name, meter, on_progress)
  local success = false
  local feed = pull.lines(function(line)
    if line.error then error(refusal(tostring(line.error), name), 0) end
    success = success or line.status == "success"
    on_progress(meter:line(line, clock.now()))
  end)
  http.request {
    method = "POST", url = base.url .. "/api/pull", unix = base.unix, json = { model = name, stream = true },
    stream = feed,
    timeout = 0,
    idle_timeout = VERIFY, max_bytes = 1 << 30,
  }
  if not success then
    fail.raise("transient", ("the download of %s was cut off"):format(name))
  end
end

-- One connection, with a watch beside it that drops it when it stalls.
local function watched(base, name, meter, on_progress)
  meter:restart(clock.now())
  local stall
  local worker = task.spawn(once, base, name, meter, on_progress)
  local watch = task.spawn(function()
    while not stall do
      task.sleep(1 / meter.scale)
      stall = meter:stalled(clock.now())
    end
    task.cancel(worker, fail.new { kind = "transient", message = stall, code = "stall" })
  end)
  local ok, problem = fail.settle(task.await, worker)
  task.cancel(watch, fail.new { kind = "interrupted", message = "the download is over" })
  if not ok then
    task.cancel(worker, problem)
    error(problem, 0)
  end
end

--- Downloads `name`; resumes and tries again after a stall or a broken connection. Waits.
-- on_progress({status=, fraction=, bytes=, total=, rate=, eta=, tries=})
-- @raise `refused` for what no try mends, else the last failure
function pull.run(base, name, layers, on_progress)
  local scale = config.get("TIME_SCALE")
  local meter = pull.meter(layers, scale)
  for try = 1, TRIES do
    local ok, problem = fail.try(watched, base, name, meter, on_progress)
    if ok then return end
    local again = fail.is(problem, "transient") or (fail.is(problem,
      "refused") and problem.status ~= nil and problem.status >= 500)
    if not again or try == TRIES then
      if fail.is(problem) then
        problem.exit = "failed"
      end
      error(problem, 0)
    end
    log.warn("The model's download is taken up again",
      { model = name, attempt = try, reason = fail.message(problem) })
    local view = meter:view()
    view.note = ("%s; taking the download up again (%d of %d)"):format(fail.message(problem), try + 1, TRIES)
    on_progress(view)
    task.sleep(math.min(2 ^ (try - 1), 15) / scale)
  end
end

return pull
