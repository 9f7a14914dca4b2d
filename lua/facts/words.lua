-- SPDX-License-Identifier: MIT
-- Words that other programs have taught people, and the command of ours that does it.
return {
  -- These do it, unless the user has a command of that name; lua/main.lua knows those that end a machine.
  aliases = { ps = "status", ls = "status", down = "stop", rm = "stop", destroy = "stop", start = "up", ask = "ping" },
  -- To these the answer names the command, and nothing is done.
  means = {
    list = "status", st = "status", info = "status", show = "status", top = "status", state = "status",
    cost = "status", costs = "status", bill = "status",
    run = "up", rent = "up", create = "up", launch = "up", deploy = "up", new = "up", serve = "up",
    delete = "stop", kill = "stop", terminate = "stop", halt = "stop", shutdown = "stop",
    off = "stop", ["end"] = "stop", quit = "stop",
    chat = "ping", test = "ping",
    prices = "offers", price = "offers", search = "offers", find = "offers", gpus = "offers", gpu = "offers",
    model = "models", pull = "models",
    url = "endpoint", env = "endpoint", connect = "endpoint", address = "endpoint",
    setup = "init", login = "init", configure = "init", auth = "init", key = "init",
    log = "logs", tail = "logs", cron = "schedule", timer = "schedule", at = "schedule",
    set = "config", get = "config", settings = "config", check = "doctor", diagnose = "doctor",
    shell = "repl", lua = "repl", console = "repl", man = "help", usage = "help", ["?"] = "help",
  },
  -- What rents, ends or agrees: never guessed from a word of few letters, of which any is near to any other.
  acts = { up = true, stop = true, yes = true },
}
