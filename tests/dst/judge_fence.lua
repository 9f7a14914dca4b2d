-- SPDX-License-Identifier: MIT
-- S7, fencing: whoever speaks of an old session can neither end nor lengthen the life of a newer
-- one (DESIGN §1.12).
local fence = {}

-- Does somebody type `stop`? One that was killed while this was the machine in use may have told the
-- agent before it died.
local function stopping(self, token)
  for _, process in ipairs(self.sim.processes) do
    local ours = process.name == "stop" and self.play.same[process.home]
    if ours and process.state ~= "done" and (process.state ~= "killed" or process.about == token) then
      return true
    end
  end
  return false
end

local function over(self, token)
  for _, kind in ipairs(self:kinds(token)) do
    if kind == "stopping" or kind == "closed" then return true end
  end
  return false
end

--- A request that changes something arrived at the control of a machine, and was obeyed or refused.
function fence.control(self, instance, request, taken)
  local token = self.play.cloud.label(instance) or ""
  if request.path == "/end" and not taken then
    self:broken("S7", ("the machine of %s was asked to end another; it refused, but an "
      .. "older guest would not have"):format(token))
  end
  if not taken or not self.tokens[token] then return end
  if request.path == "/end" and self:wanted(token) and not stopping(self, token) then
    self:broken("S7",
      ("the machine of %s, which is in use, was told to end by somebody who speaks of another"):format(token))
  end
  if request.path == "/lease" and over(self, token) then
    self:broken("S7", ("the life of %s was lengthened although it is being ended"):format(token))
  end
end

--- A destroy of ours arrives at the cloud. (Where nothing can be written there is no record to be had.)
function fence.destroy(self, token)
  if not self.play.read_only and self:wanted(token) and not stopping(self, token) then
    self:broken("S7", ("the machine of %s, which is in use, was destroyed without a "
      .. "record, and nobody typed stop"):format(token))
  end
end

--- A machine asks its cloud: it may look, and end what has its own token.
function fence.by_machine(self, instance, request)
  local cloud = self.play.cloud
  local meaning, what = cloud.meaning(request, self.world)
  if meaning == "read" then return end
  local token = cloud.label(instance)
  if meaning ~= "end" then
    return self:broken("S3",
      ("the machine of %s asked for a change: %s %s"):format(token, request.method, request.path))
  end
  if what and cloud.label(what) ~= token then
    self:broken("S3",
      ("the machine of %s would have ended that of %s"):format(token, tostring(cloud.label(what))))
  end
end

--- A record is about to be appended.
function fence.record(self, record)
  if record.kind == "stopping" and record.reason == "unfinished start" and self:wanted(record.token) then
    self:broken("S7", ("%s is in use, and is ended as an unfinished start"):format(record.token))
  end
end

return fence
