-- SPDX-License-Identifier: MIT
-- One yes, one sum: who is asked, at which terminal, what a yes covers, and what a line covers when nobody
-- can be asked. The simulator's totals for 8 hours begin $1.70 $1.81 $1.97 $2.49 $2.58 $2.67
-- $2.84 $3.02 $3.20 $3.42.
local expect = require "e2e.expect"
local files = require "base.files"
local host = require "sandbox.host"
local process = require "base.process"
local pty = require "e2e.pty"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

local function case(name, run) cases[#cases + 1] = { name = name, run = run } end

-- A person at a terminal types a shell's line; CPLZ stands for the program with the rig's folder.
local function at_terminal(r, line, dialogue)
  return pty.run((line:gsub("CPLZ", ("'%s' -C '%s'"):format(process.exe, r.home))), dialogue,
    { shell = true, env = { "HOME=" .. r.dir } })
end

-- A case that needs a terminal and `script`.
local function typed(name, run)
  case(name, function(r)
    if not files.exists("/usr/bin/script") or host.platform ~= "linux" then
      return "needs script of util-linux"
    end
    return run(r)
  end)
end

local function asked(result)
  return select(2, result.out:gsub("Rent it for %$", ""))
end

typed("neither a pipe nor JSON nor an input from nowhere takes the question away", function(r)
  for _, line in ipairs { "CPLZ --cheapest " .. MODEL .. " | tee '" .. r.dir .. "/log'",
    "CPLZ --cheapest --output=json " .. MODEL, "CPLZ --cheapest " .. MODEL .. " </dev/null",
    "CPLZ --cheapest " .. MODEL .. " </dev/null >/dev/null 2>&1" } do
    local result = at_terminal(r, line, { { "[y/N]", "n\r" } })
    expect.that(asked(result) == 1, ("%s asked %d times: %s"):format(line, asked(result), result.out))
    expect.that(result.out:find("Credit at Vast.ai: $%d+%.%d%d, enough for %d+"),
      "the credit and what it buys are not shown: " .. result.out)
    expect.that(result.out:find("$1.70", 1, true), "the question does not name the sum: " .. result.out)
    expect.that(result.out:find("vast RTX 4090 24GB.*Rent it for"),
      "nobody can see which machine is meant: " .. result.out)
    expect.machines(r, 0)
  end
  local json = at_terminal(r, ("CPLZ --cheapest --output=json %s >'%s/object'; echo code=$?"):format(MODEL,
    r.dir), { { "[y/N]", "n\r" } })
  expect.ends(json, 0, "code=8")
  expect.that(files.read(files.join(r.dir, "object")):find('^{"money_running":false,"status":"declined"}\n$'),
    "the object is not alone on stdout")
  expect.ends(at_terminal(r, "CPLZ --cheapest -y " .. MODEL .. " | tail -1", {}), 0, "Money: running")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

typed("a yes covers what costs up to a tenth more", function(r)
  r:fault { name = "create.no_capacity", count = 1 }
  local result = expect.ends(at_terminal(r, "CPLZ --cheapest " .. MODEL, { { "[y/N]", "y\r" } }), 0,
    "READY", "$0.221/h")
  expect.that(asked(result) == 1, "asked again for a few cents: " .. result.out)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

for _, answer in ipairs { "y", "n" } do
  typed("beyond a tenth it is asked again, and the answer is " .. answer, function(r)
    r:fault { name = "create.no_capacity", count = 2 }
    local result = at_terminal(r, "CPLZ --cheapest " .. MODEL, { { "[y/N]", "y\r", answer .. "\r" } })
    expect.ends(result, answer == "y" and 0 or 8, "vast RTX A6000 48GB, eu-north, spot: what was cheaper",
      "$1.97", "$0.27 more than the $1.70 you agreed to", answer == "y" and "READY" or "Nothing was rented")
    expect.that(asked(result) == 2, "not asked again: " .. result.out)
    expect.machines(r, answer == "y" and 1 or 0)
    expect.ends(r:run("stop"), 0)
    expect.all_over(r)
  end)
end

typed("what was typed before the question is no answer, and the background asks nobody", function(r)
  -- on the terminal before the program is started
  local typed_ahead = "echo now; until bash -c 'read -t 0'; do sleep 0.05; done; "
  local result = at_terminal(r, typed_ahead .. "CPLZ --cheapest " .. MODEL,
    { { "now", "y\r" }, { "[y/N]", "\4" } })
  expect.ends(result, 8, "Nothing was rented")
  result = at_terminal(r, "set -m; CPLZ --cheapest " .. MODEL .. " & wait $!; echo code=$?", {})
  expect.ends(result, 0, "code=8", "background", "-y")
  expect.machines(r, 0)
end)

case("without a terminal the line covers twice the first sum", function(r)
  -- the RTX 4090 counts for two: its offer is gone on-demand as well
  r:fault { name = "create.no_capacity", count = 7 }
  local result = expect.ends(r:run("--cheapest", MODEL), 0, "READY", "$0.394/h",
    "8 offers were tried in vain: 8 gone; the log names each")
  expect.lacks(result, "no_such_ask") -- one line for all, not the cloud's own words for each
  local _, lines = result.out:gsub("Asking for the next offer", "")
  expect.that(lines == 1, ("%d lines about refusals"):format(lines))
  local _, logged = r:log():gsub("An offer was refused", "")
  expect.that(logged == 8, ("the log names %d refusals"):format(logged))
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("beyond twice the first sum a start without a terminal ends with 8, or "
  .. "goes on as --max-price says", function(r)
  r:fault { name = "create.no_capacity", sticky = true }
  expect.ends(r:run("--cheapest", MODEL, "-y", "--output=json"), 8, '"kind":"limit"', '"money_running":false',
    "above twice the $1.70 of the first choice", "$0.02 above", "--max-price=0.43")
  r:heal()
  r:fault { name = "create.no_capacity", count = 10 }
  expect.ends(r:run("--cheapest", MODEL, "--max-price=2.99"), 0, "READY")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

case("MAX_PRICE of a folder bounds a start without a terminal", function(r)
  r:write_env { MAX_PRICE = "0.10" }
  expect.ends(r:run("--cheapest", MODEL), 8, "MAX_PRICE ($0.10/h)", "--max-price=0.21")
  r:write_env { MAX_PRICE = "0.22" }
  r:fault { name = "create.no_capacity", count = 1 }
  expect.ends(r:run("--cheapest", MODEL), 4)
  expect.machines(r, 0)
end)

typed("on a terminal of 80 by 24 the offers fit, and the last lines name what would be taken", function(r)
  local function lines_of(line)
    local result = expect.ends(at_terminal(r, "stty cols 80 rows 24; " .. line, {}), 0,
      "* would be taken: vast RTX 4090 24GB (25.8 GB), eu-east, spot, $0.207/h")
    local _, lines = result.out:gsub("\n", "")
    return lines, result.out
  end
  local lines, text = lines_of("CPLZ offers " .. MODEL)
  expect.that(lines <= 23 and lines > 18, ("%d lines: %s"):format(lines, text))
  expect.that(text:find("more: offers --all", 1, true) and not text:find("€", 1, true), text)
  lines, text = lines_of("CPLZ offers --all " .. MODEL)
  expect.that(lines > 24 and not text:find("more: offers", 1, true), ("%d lines: %s"):format(lines, text))
end)

case("an offer that is named is tried first, as plan, dry run and start", function(r)
  local list = expect.ends(r:run("offers", "--all", MODEL), 0, "Offer ")
  local offers, fifth, name
  local function look() -- a machine that was rented comes back as another offer
    offers = expect.json(r:run("offers", MODEL, "--output=json")).offers
    fifth = offers[5]
    name = "--offer=" .. fifth.provider .. "/" .. fifth.id
  end
  look()
  expect.that(list.out:find(name:sub(9), 1, true), "nobody can find the offer: " .. list.out)
  local plan = expect.json(r:run("up", "--plan", MODEL, name, "--output=json"))
  expect.that(plan.offers[1].id == fifth.id and plan.plan.why.named == true, "the plan takes another one")
  expect.ends(r:run("up", "--plan", MODEL, name), 0, "because it was named")
  local dry = expect.json(r:run("up", "--dry-run", MODEL, name, "--output=json"))
  local other = 1
  while dry.offers[other].id == fifth.id do other = other + 1 end
  expect.that(other > 1 and dry.offers[other].id == offers[1].id, "the dry run differs")
  expect.machines(r, 0)
  local up = expect.json(expect.ends(r:run("up", MODEL, name, "-y", "--output=json"), 0))
  expect.that(up.instance.gpu == fifth.gpu and up.cost.hourly == fifth.hourly, "another one was rented")
  expect.ends(r:run("stop"), 0)
  look()
  r:fault { name = "create.no_capacity", count = 1 }
  up = expect.json(expect.ends(r:run("up", MODEL, name, "-y", "--output=json"), 0))
  expect.that(up.cost.hourly == offers[1].hourly, "what comes after it is not the policy's first")
  expect.ends(r:run("stop"), 0)
  look()
  expect.ends(r:run("up", MODEL, "--offer=vast/1"), 4, "vast offers no 1 for qwen3-coder:30b, or not any "
    .. "more", "offers --all")
  expect.ends(r:run("up", MODEL, name, "--max-price=0.05"), 4, "is not taken: too dear")
  r:write_env { MAX_PRICE = "0.05" }
  expect.ends(r:run("up", MODEL, name), 8, "the offer that was named costs", "above MAX_PRICE ($0.05/h)")
  expect.all_over(r)
end)

typed("an offer above MAX_PRICE that is named is asked about, beside cheaper ones", function(r)
  local offers = expect.json(r:run("offers", MODEL, "--output=json")).offers
  local name = "--offer=vast/" .. offers[#offers].id
  r:write_env { MAX_PRICE = "0.25" }
  local result = expect.ends(at_terminal(r, "CPLZ up " .. MODEL .. " " .. name, { { "[y/N]", "n\r" } }), 8,
    "ABOVE your limit MAX_PRICE", "Nothing was rented")
  expect.that(asked(result) == 1, result.out)
  expect.machines(r, 0)
end)

typed("a sum that was agreed to before: a tenth more is covered, beyond it nobody is asked", function(r)
  expect.ends(r:run("up", "--plan", MODEL, "--agreed=1.50"), 8, "the cheapest that fits costs $1.70",
    "--agreed=1.7")
  local plan = expect.json(r:run("up", "--plan", MODEL, "--agreed=1.60", "--output=json"))
  expect.that(plan.plan.asks == false and #plan.plan.hindrances == 0, "the plan asks, or refuses")
  r:write_env { MAX_PRICE = "0.20" }
  expect.ends(r:run("up", MODEL, "--agreed=50"), 8, "above MAX_PRICE ($0.20/h)", "--max-price=0.21")
  expect.machines(r, 0)
  expect.ends(r:run("up", MODEL, "--agreed=50", "--max-price=0.21"), 0, "READY", "$0.207/h")
  expect.ends(r:run("stop"), 0)
  r:write_env()
  r:fault { name = "create.no_capacity", count = 2 }
  local result = expect.ends(at_terminal(r, "CPLZ up --agreed=1.70 " .. MODEL, {}), 8)
  expect.wrapped(result, "the next machine costs $1.97 for 8h 00m, $0.10 above the $1.87 that --agreed "
    .. "covers", "say --agreed=1.9")
  expect.that(asked(result) == 0, "asked: " .. result.out)
  expect.machines(r, 0)
  result = expect.ends(at_terminal(r, "CPLZ up --agreed=1.80 " .. MODEL, {}), 0, "READY", "$0.240/h")
  expect.that(asked(result) == 0, "asked: " .. result.out)
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end)

return cases
