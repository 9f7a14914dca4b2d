-- SPDX-License-Identifier: MIT
-- Every setting, as data: the file `.env`, the environment and the flags all go through this list, and
-- `.example.env` is made from it. Those of the clouds come from their cards. type: string secret url bool
-- number integer choice hours minutes rate; default nil: not set. Further fields: used_with (the address is
-- asked only when one of these keys is set), used_when ({setting=, field=}: ... when that setting's value has
-- this field), min, max, values, shape (of a string), off = true (the word
-- `off` is a value), scale = "k" (32k is 32768).
local clouds = require "facts.clouds"

local function setting(name, kind, default, doc, extra)
  local row = extra or {}
  row.name, row.type, row.default, row.doc = name, kind, default, doc
  row.secret = kind == "secret"
  return row
end

-- The clouds that can be rented from; field, …: only those whose card says one of these of their
-- capabilities.
local function those(field, ...)
  local list = {}
  for _, card in ipairs(clouds) do
    local can = card.capabilities
    local fits = can and not field
    for _, value in ipairs { ... } do fits = fits or can and can[field] == value end
    list[#list + 1] = fits and card or nil
  end
  return list
end

local function keys_of(list)
  local names = {}
  for index, card in ipairs(list) do
    names[index] = card.key_setting
  end
  return names
end

-- Where a cloud's key is made, and with which rights.
local function doc_of_key(card)
  local rights = card.key_rights and (" (%s)"):format(card.key_rights) or ""
  return ("%s: %s%s"):format(card.title, card.key_page, rights)
end

-- The settings of the clouds: their secrets, or all others.
local function of_clouds(secrets)
  local list = {}
  for _, card in ipairs(clouds) do
    for _, each in ipairs(card.settings) do
      if (each.type == "secret") == secrets then
        list[#list + 1] = setting(each.name, each.type, each.default, each.doc or doc_of_key(card),
          not secrets and { used_with = { card.key_setting } } or nil)
      end
    end
  end
  return list
end

-- The rows of a list in which some entries are lists of rows.
local function flat(entries)
  local rows = {}
  for _, each in ipairs(entries) do
    if not each.name and not each.section then
      table.move(each, 1, #each, #rows + 1, rows)
    else
      rows[#rows + 1] = each
    end
  end
  return rows
end

local rentable, unscoped = those(), those("guard", "account-key")
local virtual = those("boot", "cloud-init", "startup-script")

return flat {
  { section = "Keys of the clouds (at least one)" },
  of_clouds(true),

  { section = "Tunnel" },
  setting("WIREGUARD_PRIVATE_KEY", "secret", nil,
    "this folder's own tunnel key; empty: made once and kept in tunnel.key", { shape = "key" }),
  setting("WIREGUARD_PUBLIC_KEY", "string", nil, "its public half; only compared with the private one",
    { shape = "key" }),
  setting("LOCAL_PORT", "integer", nil,
    "local port of the model's address; empty: chosen once for this folder and kept",
    { min = 1, max = 65535 }),

  { section = "What to rent" },
  setting("DEFAULT_TIER", "choice", "medium",
    "small, medium or large: which model when none is named", { values = { "small", "medium", "large" } }),
  setting("DEFAULT_MODEL", "string", nil,
    "model of the Ollama library, like qwen3-coder:30b; wins over the tier", { shape = "model" }),
  setting("CONTEXT_LENGTH", "integer", 32768, "tokens of context; never more than the model was trained for",
    { min = 1024, max = 4194304, scale = "k" }),
  setting("DEFAULT_PROVIDER", "string", nil,
    ("only this cloud: %s%s; empty: every cloud that has a key"):format(clouds.listed(rentable, "name", "or"),
      #rentable < #clouds and " (more to come)" or ""), { shape = "word" }),
  setting("DEFAULT_GPU", "string", nil, "only this card, like a100-80 or rtx4090; empty: any that fits",
    { shape = "gpu" }),
  setting("DEFAULT_REGION", "string", "any",
    "eu-west, eu-north, eu-east, us-east, us-central, us-west, eu, us, ap ... or any", { shape = "region" }),
  setting("GPUS", "integer", nil, "exactly this many cards; empty: any number", { min = 1, max = 16 }),
  setting("REPLICAS", "integer", 1,
    ("so many servers of the model behind the one address (%s); 1: one machine"):format(
      clouds.listed(those("replicas", true), "title", "or")), { min = 1, max = 64 }),
  setting("PREFER_SPOT", "bool", true,
    "true: take a spot machine when that is cheaper; false: on-demand only"),
  setting("BID_MARGIN", "number", 0.10,
    "what a spot bid adds to the lowest bid that wins, as a fraction; never above on-demand",
    { min = 0, max = 5 }),
  setting("MIN_RELIABILITY", "number", 0.95, "least reliability of a host, 0 to 1", { min = 0, max = 1 }),
  setting("DATACENTER_ONLY", "bool", true,
    "only hosts in verified data centres; false also allows private persons' machines"),
  setting("DAY_HOURS", "hours", 8,
    "hours that a session is meant to last; offers are compared by their total cost over them",
    { min = 0.1, max = 720 }),

  setting("TUNNEL_CARRIER", "choice", "auto",
    "how the tunnel's packets travel; auto: over UDP, over TCP where that is silent or the cloud has none; "
    .. "tcp: over TCP at once, where your network lets no UDP through",
    { values = { "auto", "tcp" } }),

  { section = "Limits (each can be switched off by writing: off)" },
  setting("MAX_PRICE", "number", 3.00,
    "dollars per hour; a dearer machine is rented only after a question or with --max-price",
    { min = 0.001, max = 1000, off = true }),
  setting("DEADMAN_TIMEOUT_HOURS", "hours", 10,
    "the machine ends itself after this long without contact with this computer",
    { min = 0.0002, max = 720, off = true }),
  setting("IDLE_MINUTES", "minutes", 60,
    "the machine ends itself after this long without a question to the model",
    { min = 0.01, max = 43200, off = true }),
  setting("MAX_HOURS", "hours", 12,
    "the machine ends itself after this long, whatever happens", { min = 0.0002, max = 720, off = true }),
  setting("CREATES_PER_HOUR", "integer", 6,
    "machines that may be made for this folder within an hour, whatever a policy or a loop asks for",
    { min = 1, max = 60 }),
  setting("DAILY_BUDGET_EUR", "number", nil,
    "warn before renting what costs more than this many euros in DAY_HOURS",
    { min = 0.01, max = 100000, off = true }),
  setting("EUR_RATE", "rate", nil, "euros for one dollar and the day of that rate, like 0.92@2026-11-19; "
    .. "ecb: the European Central Bank's of the day; empty: a pessimistic built-in rate"),
  setting("CURRENCY", "choice", "usd",
    "usd or eur: how offers show prices; euros need an EUR_RATE, and clouds bill in dollars all the same",
    { values = { "usd", "eur" } }),
  setting("SCREEN_MOUSE", "bool", true,
    "no: the full screen leaves the mouse to the terminal, for selecting text without the shift key"),
  setting("SCREEN_SYNC", "bool", true,
    "no: the full screen draws without marks of synchronised output, by which an old terminal flickers"),
  setting("ALERT_WEBHOOK_URL", "url", nil,
    "where critical alerts are posted (Slack or Discord webhook)", { secret_url = true }),
  setting("ALERT_COMMAND", "string", nil,
    "a program that gets each alert as JSON on its input; words at blanks, no shell (alert test tries it)"),
  setting("ALERT_DESKTOP", "bool", false, "yes shows alerts on the desktop (notify-send)"),
  setting("GUARD_ACCOUNT_KEY", "bool", false,
    ("yes allows the account's key on rented machines of clouds that know no lesser key (%s)"):format(
      clouds.listed(unscoped, "title", "and"))),

  { section = "The model server" },
  setting("DEFAULT_ENGINE", "string", "ollama",
    "model server: ollama, or a file NAME.lua of your own in engines/", { shape = "word" }),
  setting("OLLAMA_VERSION", "string", "0.32.15", "version of Ollama, as image and as release",
    { shape = "version" }),
  setting("REGISTRY_URL", "url", "https://registry.ollama.ai", "model registry"),
  setting("OLLAMA_DOWNLOAD_URL", "url", "https://ollama.com/download",
    ("where virtual machines (%s) fetch Ollama's release"):format(clouds.listed(virtual, "title", "and")),
    { used_with = keys_of(virtual) }),

  { section = "Workings (for simulators and the curious)" },
  of_clouds(false),
  setting("ECB_URL", "url", "https://www.ecb.europa.eu",
    "where EUR_RATE=ecb asks for the day's rate", { used_when = { setting = "EUR_RATE", field = "feed" } }),
  setting("CA_FILE", "string", nil,
    "trusted certificates that are sent to the machine's guard; empty: those of this computer",
    { shape = "path" }),
  setting("TIME_SCALE", "number", 1,
    "divides the waits of continueplz; obeyed only when every address in use is on this computer",
    { min = 1, max = 10000 }),
}
