-- SPDX-License-Identifier: MIT
local function address(session)
  local surroundings = require "base.surroundings"
  local plan = session.plan
  local url = require("home.guest_client").engine().url
  return {
    url = url, openai = url .. "/v1", model = plan.model, context = session.context or plan.context,
    host = "127.0.0.1", port = math.tointeger(tonumber(url:match(":(%d+)$"))), wireguard_ip = "10.13.37.1",
    no_proxy = surroundings.no_proxy(),
    proxied = #surroundings.list() > 0 and surroundings.proxy() ~= nil or nil,
  }
end

-- What a client needs, and on stderr where it belongs.
local function print_for(ctx, client, endpoint)
  local clients = require "ui.clients"
  ctx.print(table.concat(clients.find(client)(endpoint), "\n"))
  local _, shown = require("cli.clientfile").path(client)
  if shown and not ctx.json then
    local besides = clients.besides(client)
    require("base.term").err(("continueplz: this belongs into %s; --write puts it there%s\n"):format(shown,
      besides and "; " .. besides or ""))
  end
end

local function check(ctx)
  local fail = require "base.fail"
  local clients = require "ui.clients"
  local client = ctx.options["for"]
  if client and not clients.find(client) then
    fail.raise("usage", ("--for: no configuration is known for '%s'%s; there are %s"):format(client,
      require("facts.suggest").hint(client, clients.names), table.concat(clients.names, ", ")))
  elseif ctx.options.write and not client then
    fail.raise("usage",
      "--write needs --for CLIENT: whose file is meant? There are " .. table.concat(clients.names, ", "))
  end
  return client
end

return {
  name = "endpoint",
  summary = "print the model's address, or what a client needs to use it",
  order = 70, daily = 4,
  meant = { "url", "env", "connect", "address" },
  details = "--shell: lines for eval; --for CLIENT: its configuration; --json or --output=json: one object.",
  options = { "shell", "json", "for", "write" },
  tolerant = true,
  data = true,
  answer = [[
    url, openai, model, host, wireguard_ip, no_proxy, config, file: text; context, port: integer;
    written: boolean
  ]],
  run = function(ctx)
    local clients = require "ui.clients"
    local client = check(ctx)
    local session, code = require "cli.ready"(ctx)
    if not session then return code end
    require("home.agent_client").ensure()
    local endpoint = address(session)
    local config = client and table.concat(clients.find(client)(endpoint), "\n") or nil
    local done = 0
    if ctx.options.write then
      local more
      done, more = require("cli.clientfile").write(ctx, client, endpoint)
      endpoint.file, endpoint.written = more.file, more.written
    elseif client then
      print_for(ctx, client, endpoint)
      endpoint.file = require("cli.clientfile").path(client)
    elseif ctx.options.shell then
      ctx.print(table.concat(clients.shell(endpoint), "\n"))
    else
      ctx.print(endpoint.url)
    end
    endpoint.status, endpoint.config, endpoint.proxied = "ready", config, nil
    ctx.emit(endpoint)
    return done
  end,
}
