-- SPDX-License-Identifier: MIT
-- The user's webhook, which may be down, refuse or hang; and E4: every CRITICAL reaches it or waits on the
-- disk for it, and one cause is told at most once in a quarter of an hour.
local clock = require "base.clock"
local json = require "base.json"

local CAUSE = 15 * 60

local sink = { PORT = 7005, URL = "http://127.0.0.1:7005/alerts/token" }

--- A post arrives. play.webhook: "up" (default), "down", "refuses" or "hangs"
function sink.answer(self)
  local state = self.webhook or "up"
  if state == "down" then
    return { error = "Could not connect", code = "connect", sent = false }
  end
  if state == "hangs" then return { hang = true } end
  return { status = state == "refuses" and 500 or 204, body = "" }
end

-- What a CRITICAL is about, as the receiver sees it.
local function about(alert)
  local context = type(alert.context) == "table" and alert.context or {}
  return ("%s %s"):format(alert.message, tostring(context.instance_id or context.token))
end

--- Notes what a post held and whether it was taken.
function sink.posted(judge, request, answer)
  local alert = json.decode(request.body or "")
  if type(alert) ~= "table" or type(alert.message) ~= "string" then
    return judge:broken("E4", "a post without a message: " .. request.body)
  end
  if answer.status ~= 204 or alert.level ~= "CRITICAL" then return end
  local list = judge.alerts
  list[#list + 1] = { at = judge.sim.now, made = clock.parse_iso(alert.timestamp), message = alert.message,
    about = about(alert), text = request.body }
end

-- Did the process live to say what it had to, with a disk that takes it?
local function could(judge, record)
  for _, process in ipairs(judge.sim.processes) do
    if process.pid == record.pid then
      return process.home == judge.play.HOME and process.state ~= "killed"
    end
  end
end

local function waiting(judge)
  local texts, folder = {}, judge.play.HOME .. "/alerts/"
  for path, file in pairs(judge.sim.disk) do -- order: free
    if path:sub(1, #folder) == folder and path:find("%.alert$") then texts[#texts + 1] = file.data end
  end
  return texts
end

local function told(judge, message, at, texts)
  for _, alert in ipairs(judge.alerts) do
    if alert.message == message and alert.at >= at - CAUSE - 1 then
      return true
    end
  end
  for _, text in ipairs(texts) do
    local alert = json.decode(text)
    if type(alert) == "table" and alert.message == message then return true end
  end
end

-- One cause twice within a quarter of an hour; a post that was taken while its sender was killed
-- is sent again as it was.
local function floods(judge)
  local last = {}
  for _, alert in ipairs(judge.alerts) do
    local before = last[alert.about]
    local again = before and alert.made - before.made < CAUSE - 1 and alert.text ~= before.text
    if again and not judge.sim.jumped and not judge.was_unwritable and not judge.lost_process then
      judge:broken("E4",
        ("within %.0f s the webhook was told twice: %s"):format(alert.made - before.made, alert.about))
    end
    last[alert.about] = alert
  end
end

--- The end of a history.
function sink.judged(judge)
  local texts = waiting(judge)
  for _, record in ipairs(judge.sim.log) do
    local message = record.message:match("^CRITICAL: (.*)$")
    if message and could(judge, record) and not judge.was_unwritable
      and not told(judge, message, record.at, texts) then
      judge:broken("E4",
        ("a CRITICAL of %.1f neither reached the webhook nor waits for it: %s"):format(record.at, message))
    end
  end
  floods(judge)
end

--- Long after everything works again, and commands were typed: nothing waits any more.
function sink.settled(judge)
  local texts = waiting(judge)
  if #texts > 0 then
    judge:broken("E4", ("%d alerts were never delivered, the first: %s"):format(#texts, texts[1]))
  end
end

return sink
