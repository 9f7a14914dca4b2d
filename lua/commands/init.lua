-- SPDX-License-Identifier: MIT
return {
  name = "init",
  summary = "set up: a cloud's key, checked, and the limits; then live prices",
  order = 10, daily = 1,
  meant = { "setup", "login", "configure", "auth", "key" },
  details = "Asks on a terminal. Without one, or with -y, keys come from the environment ({key} ...) or, one "
    .. "for --provider=NAME, from standard input, never from the command line; everything else from flags, "
    .. "the environment and the .env that is there, which is kept and merged. Nothing is written before the "
    .. "end. Exit {config}: a key is missing or wrong; {cloud}: the cloud could not be asked.",
  options = { "provider", "tier", "model", "context", "gpu", "region", "spot", "on-demand", "hours",
    "max-price", "max-hours", "idle", "timeout" },
  tolerant = true,
  answer = [[
    file, offers_problem: text; created: boolean; settings: [text]; tunnel: { public_key, from: text };
    providers: [{ name, state, account, currency, message: text; balance: number }]; offers: { =offers }
  ]],
  run = function(ctx)
    return require("cli.setup").run(ctx)
  end,
}
