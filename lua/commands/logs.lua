-- SPDX-License-Identifier: MIT
local function tail(text, count)
  local lines = {}
  for line in text:gmatch("([^\n]+)") do
    lines[#lines + 1] = line
  end
  local from = math.max(1, #lines - count + 1)
  return { table.unpack(lines, from) }
end

local sources = {}

function sources.tool(ctx)
  local files = require "base.files"
  local text, why, code = files.read(files.join(ctx.home, "continueplz.log"))
  if not text and code == "missing" then return "" end
  return text, why
end

local function from_guest(part)
  return function(ctx)
    local fail = require "base.fail"
    local http = require "base.http"
    local agent_client = require "home.agent_client"
    local guest_client = require "home.guest_client"
    agent_client.ensure()
    local request = guest_client.guest("/log")
    request.query = { name = part, bytes = (ctx.options.lines or 40) * 200 }
    request.timeout, request.max_bytes = 10, 4 << 20
    local ok, response = fail.try(http.request, request)
    if ok then return require("base.clean").lines(response.body) end
    return nil, fail.message(response)
  end
end

sources.engine = from_guest("engine")
sources.guard = from_guest("guard")

return {
  name = "logs",
  summary = "show the last lines of a log: tool, engine or guard",
  order = 90,
  meant = { "log", "tail" },
  options = { "lines" },
  args = "[tool|engine|guard]",
  words = 1,
  tolerant = true,
  data = true,
  answer = "part: text; lines: [text]",
  run = function(ctx)
    local fail = require "base.fail"
    local log = require "base.log"
    local part = ctx.args[1] or "tool"
    local source = sources[part]
    if not source then
      local names = { "tool", "engine", "guard" }
      fail.raise("usage", ("there is no log named '%s'%s"):format(part,
        require("facts.suggest").hint(part, names, "; there are " .. table.concat(names, ", "))))
    end
    local missing = require("home.folder").missing(ctx.home)
    if missing or part ~= "tool" and not require("home.journal").open(ctx.home):current() then
      ctx.problem(missing or "nothing is running in " .. ctx.home .. ", so there is no log of a machine")
      ctx.emit { status = "none" }
      return "nothing"
    end
    local text, why = source(ctx)
    if not text then
      ctx.problem(("the log of the %s cannot be had: %s"):format(part, why))
      ctx.emit { status = "failed", part = part }
      return "cloud"
    end
    local lines = tail(log.redact(text), ctx.options.lines or 40)
    if #lines > 0 then
      ctx.print(table.concat(lines, "\n"))
    end
    ctx.emit { status = "logs", part = part, lines = require("base.json").array(lines) }
    return 0
  end,
}
