-- SPDX-License-Identifier: MIT
return {
  name = "endpoint",
  summary = "print the model's address, or what a client needs to use it",
  details = "--shell: lines for eval; --for CLIENT: its configuration; --json or --output=json: one object.",
  options = { "shell", "json", "for" },
  tolerant = true,
  data = true,
  run = function(ctx)
    local fail = require "base.fail"
    local clients = require "ui.clients"
    local client = ctx.options["for"]
    if client and not clients.find(client) then
      fail.raise("usage", ("--for: no configuration is known for '%s'%s; there are %s"):format(client,
        require("facts.suggest").hint(client, clients.names), table.concat(clients.names, ", ")))
    end
    local session, code = require "cli.ready"(ctx)
    if not session then
      return code
    end
    require("work.link").ensure()
    local plan = session.plan
    local url = require("work.link").engine().url
    local endpoint = {
      url = url, openai = url .. "/v1", model = plan.model, context = plan.context, host = "127.0.0.1",
      port = math.tointeger(tonumber(url:match(":(%d+)$"))), wireguard_ip = "10.13.37.1",
    }
    if client then
      ctx.print(table.concat(clients.find(client)(endpoint), "\n"))
    elseif ctx.options.shell then
      ctx.print(table.concat(clients.shell(endpoint), "\n"))
    else
      ctx.print(endpoint.url)
    end
    endpoint.status = "ready"
    endpoint.config = client and table.concat(clients.find(client)(endpoint), "\n") or nil
    ctx.emit(endpoint)
    return 0
  end,
}
