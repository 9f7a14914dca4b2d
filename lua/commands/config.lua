-- SPDX-License-Identifier: MIT
return {
  name = "config",
  summary = "show the settings and where they come from; get, set or unset one",
  order = 120,
  meant = { "set", "get", "settings" },
  details = "show: what is set, secrets only by their end; with --all also what is not. set writes .env, "
    .. "whose other lines stay; a limit of time is changed on the machine in use as well, though none lives "
    .. "longer than it was rented for. A secret is never given on the command line: set NAME alone asks for "
    .. "it, or reads it from standard input. Exit of get: {failed} when it is not set.",
  options = { "all" },
  args = "[show|get|set|unset] [NAME] [VALUE]",
  names = "settings",
  tolerant = true,
  data = true,
  answer = [[
    home, name, file, origin: text; value: any;
    secret, environment_wins, machine_changed, from_next_start: boolean;
    settings: { *: { value: any; origin: text; secret: boolean } }
  ]],
  run = function(ctx)
    return require("cli.settings").run(ctx)
  end,
}
