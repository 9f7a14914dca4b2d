-- SPDX-License-Identifier: MIT
-- What clients are told, and the screens as text.
local boxes = require "ui.boxes"
local clients = require "ui.clients"
local format = require "ui.format"
local json = require "base.json"
local money = require "ui.money"
local offers = require "ui.offers"
local progress = require "ui.progress"
local status = require "ui.status"
local stopped = require "ui.stopped"
local term = require "base.term"

local ENDPOINT = { url = "http://127.0.0.1:23456", openai = "http://127.0.0.1:23456/v1",
  model = "qwen3-coder:30b", context = 65536 }
local RATE = { per_dollar = 0.9, date = "2026-11-19", source = "EUR_RATE" }

return function(t)
  local function text(name)
    return table.concat(clients.find(name)(ENDPOINT), "\n")
  end

  t:case("every client gets address, model and the context number that was set", function()
    for _, name in ipairs(clients.names) do
      local config = text(name)
      t:ok(config:find("http://127.0.0.1:23456", 1, true), name .. " has the address")
      t:ok(config:find("qwen3-coder:30b", 1, true), name .. " has the model")
      if name ~= "aider" then
        t:ok(config:find("65536", 1, true), name .. " has the context")
      end
    end
    t:equal(clients.find "emacs", nil)
  end)

  t:case("JSON configurations are JSON of the right shape", function()
    local opencode = json.decode(text "opencode")
    t:equal(opencode.model, "continueplz/qwen3-coder:30b")
    t:equal(opencode.provider.continueplz.models["qwen3-coder:30b"].limit, { context = 65536, output = 8192 })
    t:equal(opencode.provider.continueplz.options.baseURL, ENDPOINT.openai)
    local pi = json.decode(text "pi").providers.continueplz
    t:equal({ pi.baseUrl, pi.api, pi.models[1].contextWindow },
      { ENDPOINT.openai, "openai-completions", 65536 })
    local zed = json.decode((text("zed"):gsub("^//[^\n]*\n", "")))
    t:equal(zed.language_models.openai_compatible.continueplz.available_models[1].capabilities.tools, true)
  end)

  t:case("codex speaks responses, claude the native address, continue /v1", function()
    t:ok(text("codex"):find('wire_api = "responses"', 1, true)
      and text("codex"):find('base_url = "http://127.0.0.1:23456/v1"', 1, true), "codex")
    t:ok(text("claude"):find("export ANTHROPIC_BASE_URL='http://127.0.0.1:23456'\n", 1, true), "claude")
    t:ok(text("continue"):find("apiBase: http://127.0.0.1:23456/v1\n", 1, true), "continue")
  end)

  t:case("shell lines survive a shell, whatever the model is called", function()
    local lines = clients.shell { url = "http://127.0.0.1:1", openai = "http://127.0.0.1:1/v1",
      model = "a'b $(touch x)", context = 5 }
    t:ok(table.concat(lines, "\n"):find("export CONTINUEPLZ_MODEL='a'\\''b $(touch x)'", 1, true),
      table.concat(lines, "\n"))
    for _, line in ipairs(lines) do
      t:ok(line:find("^export [%a_]+='.*'$"), line)
    end
  end)

  t:case("claude is told both models and the true window, aider no warnings", function()
    local claude = text "claude"
    for _, line in ipairs { "ANTHROPIC_MODEL='qwen3-coder:30b'",
      "ANTHROPIC_SMALL_FAST_MODEL='qwen3-coder:30b'", "CLAUDE_CODE_MAX_CONTEXT_TOKENS='65536'",
      "CLAUDE_CODE_MAX_OUTPUT_TOKENS='8192'" } do
      t:ok(claude:find("\nexport " .. line .. "\n", 1, true), line .. " in " .. claude)
    end
    t:ok(text("aider"):find("\naider --no-show-model-warnings --model 'openai/qwen3-coder:30b'", 1, true),
      text "aider")
    t:ok(not (claude .. text "aider"):find("NO_PROXY"), "no word of proxies where there is none")
  end)

  t:case("the window that clients are told is the one that the server gave, "
    .. "not the one that was wished", function()
    local sessions = require "home.sessions"
    local folded = sessions.fold { { kind = "intent", token = "a", t = 1, context = 65536, model = "m" },
      { kind = "ready", token = "a", t = 2, speed = 9, context = 32768 } }
    t:equal({ #folded, folded[1].plan.context, folded[1].context }, { 1, 65536, 32768 })
  end)

  t:case("the local address is not asked through a proxy", function()
    local endpoint = { url = ENDPOINT.url, openai = ENDPOINT.openai, model = "m", context = 5,
      no_proxy = "corp,127.0.0.1,localhost" }
    for _, proxied in ipairs { false, true } do
      endpoint.proxied = proxied
      for name, wanted in pairs { shell = true, claude = proxied, aider = proxied } do -- order: free
        local lines = table.concat(name == "shell" and clients.shell(endpoint)
          or clients.find(name)(endpoint), "\n")
        t:equal(lines:find("export NO_PROXY='corp,127.0.0.1,localhost'\n"
          .. "export no_proxy='corp,127.0.0.1,localhost'", 1, true) ~= nil, wanted, name)
      end
    end
  end)

  t:case("each client's file is where it looks for it", function()
    local function file(name, env, there)
      return clients.file(name, function(variable) return env[variable] end, function(path)
        return path == there
      end)
    end
    local home = { HOME = "/h" }
    t:equal({ file("opencode", home), file("pi", home), file("zed", home), file("codex", home),
      file("continue", home), file("claude", home) },
      { "/h/.config/opencode/opencode.json", "/h/.pi/agent/models.json", "/h/.config/zed/settings.json",
        "/h/.codex/config.toml", "/h/.continue/config.yaml" })
    t:equal(file("opencode", { HOME = "/h", XDG_CONFIG_HOME = "/x" }), "/x/opencode/opencode.json")
    t:equal(file("opencode", { HOME = "/h", XDG_CONFIG_HOME = "relative" }),
      "/h/.config/opencode/opencode.json")
    t:equal(file("opencode", home, "/h/.config/opencode/opencode.jsonc"),
      "/h/.config/opencode/opencode.jsonc")
    t:equal(file("codex", { HOME = "/h", CODEX_HOME = "/c" }), "/c/config.toml")
  end)

  t:case("money: what the last line says", function()
    t:equal(money.sentence {}, "none is running for this folder")
    t:equal(money.sentence { { id = "5", provider = "vast", hourly = 0.4, disk_hour = 0.05 } },
      "running, $0.450/h for 5 on vast")
    t:ok(money.sentence({ { id = "5", provider = "vast", unproven = "why" } }):find("MAY STILL BE RUNNING", 1,
      true), "unproven")
    t:equal(money.sentence { { token = "cplz-1", started = 1 } },
      "may be running: the create of cplz-1 was sent and is not answered yet")
    t:ok(money.sentence({ { token = "cplz-1", started = 1, lost = 2 } }):find("may be running: the answer", 1,
      true), "lost")
    t:ok(money.sentence({ { id = "5", provider = "x", unverifiable = true } }):find("ack", 1, true),
      "unverifiable")
    t:equal(money.sentence { { token = "cplz-1" } }, "none is running for this folder")
  end)

  t:case("amounts: dollars first, euros at the stated rate", function()
    t:equal(format.both(2, RATE), "$2.00 (≈ €1.80)")
    t:equal(format.rate(RATE), "€0.90 per dollar of 2026-11-19 (EUR_RATE)")
    t:equal(format.hourly(0.4567), "$0.457/h")
    t:equal({ format.bytes(18.56e9), format.bytes(5e6), format.bytes(900) }, { "18.6 GB", "5 MB", "1 kB" })
    t:equal({ format.limit(nil), format.limit(0), format.limit(36000) }, { "off", "off", "10h 00m" })
    t:equal({ format.gpu("a100-80", 1), format.gpu("a6000", 2), format.gpu("Odd", 1) },
      { "A100 80GB", "2 × RTX A6000 48GB", "Odd" })
  end)

  t:case("euros are shown only at a rate that somebody set, in JSON too", function()
    local assumed = { per_dollar = 1, date = "2026-11-01", source = "built-in", assumed = true }
    local ended = { session = { id = "5", token = "t", provider = "vast" }, outcome = "proven",
      cost = { amount = 1.5, source = "reckoned" }, duration = 1 }
    local want = { model = { name = "m" }, context = 1, vram_gb = 1, disk_gb = 1, hours = 8 }
    local cost = { hourly = 1, current = 1, projected = 8, projected_hours = 8 }
    local running = { state = "ready", home = "/h", instance = { id = "5" }, cost = cost, limits = {} }
    for _, rate in ipairs { RATE, assumed } do
      running.rate = rate
      local wanted = not rate.assumed and RATE or nil
      t:equal(status.object(running).euro_rate, wanted)
      t:equal(stopped.object({ ended }, rate).euro_rate, wanted)
      t:equal(offers.object({ want = want, rate = rate, ordered = {}, rejected = {},
        results = {} }).euro_rate, wanted)
      for _, lines in ipairs { stopped.lines(ended, rate, "/log"), status.lines(running) } do
        t:equal(table.concat(lines):find("€", 1, true) ~= nil, wanted ~= nil)
      end
    end
  end)

  t:case("boxes are even, and name the way out", function()
    local session = { id = "30119482", token = "cplz-1", provider = "vast" }
    for _, lines in ipairs { boxes.critical(session, ("a long reason "):rep(20), "https://console.example/",
      "/h/continueplz.log"),
      boxes.manual(session, "Paperspace", "https://console.example/"),
      boxes.lost({ id = session.id, provider = "vast", reason = "interrupted", spot = true }, "$1", "3h"),
      boxes.lost({ id = session.id, provider = "vast", reason = "gone" }, "$1", "3h") } do
      local width = term.width(lines[1])
      for _, line in ipairs(lines) do
        t:equal(term.width(line), width, line)
      end
      t:ok(table.concat(lines):find("30119482", 1, true), "the machine is named")
    end
    local critical = table.concat(boxes.critical(session, "x", "https://console.example/",
      "/h/continueplz.log"))
    t:ok(critical:find("CRITICAL", 1, true) and critical:find("https://console.example/", 1, true)
      and critical:find("--stop", 1, true), critical)
  end)

  local model = {
    state = "ready", home = "/h", instance = { id = "5", provider = "vast", title = "Vast.ai",
      gpu = "a100-80", gpus = 1, region = "eu-north", type = "spot" },
    model = { name = "m:1", state = "ready", context = 32768, tokens_per_second = 61.2 },
    endpoint = { url = "http://127.0.0.1:1", host = "127.0.0.1", port = 1, wireguard_ip = "10.13.37.1" },
    tunnel = { state = "connected", carrier = "tcp", handshake_age = 4 },
    guard = { state = "armed", silence_left = 3600, idle_left = 60, life_left = 7200 },
    limits = { silence = 36000, idle = 0, life = 43200, max_price = 3 }, rate = RATE, seconds = 7260,
    started = 1795215778,
    warnings = { "careful" },
    cost = { hourly = 0.5, current = 1, projected = 4, projected_hours = 8, currency = "USD" },
  }

  t:case("status and READY show the truth, with all four limits", function()
    local shown = table.concat(status.lines(model), "\n")
    for _, words in ipairs { "Active (5)", "Vast.ai (spot)", "A100 80GB", "m:1, ready, 32768 tokens",
      "http://127.0.0.1:1", "connected over TCP, last handshake 4s ago", "2h 01m",
      "$1.00 (≈ €0.90) at $0.500/h",
      "1h 00m without contact", "1m 00s without questions", "2h 00m at most", "careful", "/h" } do
      t:ok(shown:find(words, 1, true), words .. " in\n" .. shown)
    end
    local ready = table.concat(status.ready(model), "\n")
    for _, words in ipairs { "READY", "10h 00m  without contact", "off  without a question",
      "12h 00m  in any case", "$3.00/h", "$0.500/h; $4.00 (≈ €3.60)", "continueplz --stop" } do
      t:ok(ready:find(words, 1, true), words .. " in\n" .. ready)
    end
    t:ok(
      table.concat(status.lines { state = "none", home = "/h" }, "\n"):find("None active", 1, true), "none")
    t:ok(not (shown .. ready):find("\27"), "no escapes")
  end)

  t:case("status as JSON has the PRD's names", function()
    local object = json.decode(json.encode(status.object(model)))
    t:equal({ object.status, object.instance.type, object.instance.gpu, object.model, object.endpoint.url,
      object.endpoint.wireguard_ip, object.endpoint.port, object.tunnel.carrier,
      object.cost.hourly, object.cost.current, object.cost.currency, object.deadman.active,
      object.deadman.remaining_seconds },
      { "ready", "spot", "a100-80", "m:1", "http://127.0.0.1:1", "10.13.37.1", 1, "tcp", 0.5, 1, "USD", true,
        3600 })
    t:equal(status.object { state = "none", home = "/h" }, { status = "none", home = "/h" })
  end)

  t:case("a machine that could not be proven ended may be running while "
    .. "another attempt is under way", function()
    local fold = require("home.sessions").fold
    local function open_of(list) return list[1].closed and {} or list end
    local function records(...)
      local list = {}
      for index, kind in ipairs { "intent", "sent", "bound", "ready", ... } do
        list[index] = { kind = kind, token = "cplz-1-2", id = "5", provider = "vast", hourly = 0.5, t = index,
          reason = "no answer", outcome = "proven" }
      end
      return money.sentence(open_of(fold(list)))
    end
    local may = "MAY STILL BE RUNNING: 5 on vast"
    t:ok(records():find("^running"), "ready")
    t:ok(records("stopping"):find("^running"), "stopping")
    for _, kinds in ipairs { { "stopping", "unproven" }, { "stopping", "unproven", "stopping" },
      { "stopping", "unproven", "stopping", "absent" } } do
      t:ok(records(table.unpack(kinds)):find(may, 1, true),
        table.concat(kinds, " ") .. ": " .. records(table.unpack(kinds)))
    end
    t:equal(records("stopping", "unproven", "stopping", "closed"), "none is running for this folder")
  end)

  t:case("how sessions ended", function()
    local result = { session = { id = "5", token = "t", provider = "vast" }, outcome = "proven",
      cost = { amount = 1.5, source = "reckoned" },
      duration = 3661, provider = { console = "https://c.example/", title = "Vast.ai" } }
    t:equal(stopped.lines(result, RATE, "/log"),
      { "Session cost: $1.50 (≈ €1.35), reckoned from the agreed price", "Duration:     1h 01m" })
    t:equal(stopped.object({ result }, RATE).outcome, "proven")
    result.outcome, result.doubt = "unproven", "the cloud is down"
    local shown = table.concat(stopped.lines(result, RATE, "/log"), "\n")
    t:ok(shown:find("CRITICAL", 1, true) and shown:find("the cloud is down", 1, true), shown)
    t:equal(stopped.object({ result }, RATE).outcome, "unproven")
    t:equal(stopped.object({}, RATE).status, "none")
  end)

  t:case("the moving line keeps the time that is left at any width", function()
    for _, named in ipairs { "qwen3-coder:30b", "qwen2.5-coder:32b-instruct-q8_0",
      "library/some-long-name/of-a-model:235b" } do
      local state = { status = "Pulling " .. named, fraction = 0.99, bytes = 18.4e9, total = 18.6e9,
        rate = 120e6, eta = 4000 }
      for _, columns in ipairs { 200, 100, 80, 78, 71, 60, 50, 40 } do
        local line = progress.fit(state, "1h 10m", columns - 9)
        t:ok(term.width(line) <= columns - 9, ("%d columns: %s"):format(columns, line))
        t:ok(line:find("99%%.*1h 06m left"), line)
        t:ok(columns < 200 or line:find("18.4 of 18.6 GB, 120 MB/s", 1, true)
          and line:find("(1h 10m)", 1, true), line)
      end
    end
    local request = { text = "Asking for vast RTX 6000 Ada 48GB us-west @ $0.699/h on-demand" }
    t:ok(progress.fit(request, "59s", 71):find("(59s)", 1, true), "the time of a long request")
    t:equal(progress.words { text = "Asking", detail = "this" }, "Asking (this)")
  end)

  t:case("words of a progress report", function()
    t:equal(progress.words { status = "pulling 1194192cf2a1", fraction = 0.456, bytes = 8.4e9, total = 18.5e9,
      rate = 1.2e8, eta = 84 }, "Pulling 45% 8.4 of 18.5 GB, 120 MB/s, 1m 24s left")
    t:equal(progress.words { text = "Booting" }, "Booting")
    t:equal(progress.words { text = "Pushing", fraction = 1 }, "Pushing 100%")
  end)
end
