-- SPDX-License-Identifier: MIT
-- Every option of the command line, once. `setting`: the option is another way to give that setting, checked
-- by the same reader. kind: text, duration (a unit is required), hours (a bare number means hours), number,
-- dollars, choice, time (of day), days (of the week), none; `values` for choices; `most` for both numbers;
-- `against`: another option that contradicts it; `says` fixes the setting's text for an option without a
-- value; `also` names the kind of the value that a `none` has in the commands that list it as `NAME=`, where
-- `value_also` and `doc_also` describe it; `acts`: never guessed from a few letters; `implies`: the command
-- that is meant when none is named.
local rows = {
  { name = "cheapest", kind = "none",
    doc = "take the cheapest machine that fits (the policy decides; this is the default)" },
  { name = "provider", kind = "text", value = "NAME", setting = "DEFAULT_PROVIDER",
    doc = "only this cloud: {clouds}" },
  { name = "offer", kind = "text", value = "CLOUD/ID",
    doc = "try this offer first, as offers --all names it, then the others" },
  { name = "agreed", kind = "dollars", value = "DOLLARS", most = 100000, acts = true,
    doc = "a yes given before to this sum for the hours that are meant; covers a tenth more, asks nobody" },
  { name = "gpu", kind = "text", value = "TYPE", setting = "DEFAULT_GPU",
  doc = "only this card, like a100-80, a6000, h100, rtx4090" },
  { name = "gpus", kind = "text", value = "N", setting = "GPUS", doc = "exactly this many cards" },
  { name = "replicas", kind = "text", value = "N", setting = "REPLICAS",
    doc = "so many servers of the model behind the one address (whole nodes of a cluster)" },
  { name = "model", kind = "text", value = "NAME", setting = "DEFAULT_MODEL",
    doc = "model to serve, like qwen2.5-coder:32b" },
  { name = "tier", kind = "text", value = "SIZE", setting = "DEFAULT_TIER",
  doc = "small (gpt-oss:20b), medium (qwen3-coder:30b) or large (qwen3-coder-next), when no model is named" },
  { name = "engine", kind = "text", value = "NAME", setting = "DEFAULT_ENGINE",
    doc = "model server: ollama, or your engines/NAME.lua" },
  { name = "context", kind = "text", value = "TOKENS", setting = "CONTEXT_LENGTH",
    doc = "tokens of context, like 65536 or 64k" },
  { name = "spot", kind = "none", setting = "PREFER_SPOT", says = "true",
  doc = "take spot machines too, when cheaper (default)" },
  { name = "on-demand", kind = "none", setting = "PREFER_SPOT", says = "false",
    doc = "on-demand machines only" },
  { name = "region", kind = "text", value = "REGION", setting = "DEFAULT_REGION",
    doc = "eu-west, us-east, eu, us ... or any" },
  { name = "hours", kind = "hours", value = "HOURS", setting = "DAY_HOURS",
  doc = "how long you mean to use it; decides what is cheapest in total" },
  { name = "max-price", kind = "text", value = "DOLLARS", setting = "MAX_PRICE",
    doc = "never more than this per hour" },
  { name = "currency", kind = "text", value = "CURRENCY", setting = "CURRENCY",
    doc = "usd or eur (at the rate of EUR_RATE; clouds bill in dollars)" },
  { name = "sort", kind = "choice", value = "BY",
    values = { "total", "price", "speed", "mtok", "memory", "reliability", "region", "cloud" },
    doc = "the order of the list (without: the policy's); what would be taken stays the same" },
  { name = "explain", kind = "none", doc = "say of each offer that is left out, why" },
  { name = "watch", kind = "none",
    doc = "go on looking until Ctrl-C: offers every two minutes, status every second" },
  { name = "max-hours", kind = "hours", value = "HOURS", setting = "MAX_HOURS",
  doc = "the machine ends itself after this long (default 12h)" },
  { name = "idle", kind = "duration", value = "DURATION", setting = "IDLE_MINUTES",
  doc = "... after this long without a question (default 60m)" },
  { name = "timeout", kind = "duration", value = "DURATION", setting = "DEADMAN_TIMEOUT_HOURS",
    doc = "... after this long without contact with this computer (default 10h)" },
  { name = "ready-within", kind = "duration", value = "DURATION",
    doc = "give the machine back when the model does not answer so long after it was asked for" },
  { name = "wait", kind = "none",
    doc = "when nothing can be had, try again until it can (12 hours at most); tells ALERT_WEBHOOK_URL" },
  { name = "retry-until", kind = "time", value = "HH:MM",
    doc = "try again until this time, whatever the reason, as long as nothing may be left to pay" },
  { name = "until", kind = "time", value = "HH:MM",
    doc = "when the machine ends instead, in local time (tomorrow's when it is past today)" },
  { name = "keep-on-failure", kind = "none", doc = "keep (and pay) a machine whose start failed" },
  { name = "accept-no-guard", kind = "none",
    doc = "rent also where a machine cannot end itself: only you can end it then" },
  { name = "dry-run", kind = "none", doc = "stop after choosing; nothing is rented" },
  { name = "plan", kind = "none",
    doc = "rent nothing; tell which machine, why, at what cost, and every request that would be sent" },
  { name = "ensure", kind = "none",
    doc = "a machine that serves this model already is success, not an error" },
  { name = "alert", kind = "none", doc = "tell ALERT_WEBHOOK_URL when this run fails; for cron and timers" },
  { name = "start", kind = "time", value = "HH:MM", doc = "when to start, in local time" },
  { name = "stop", kind = "none", also = "time", acts = true, implies = "stop",
    doc = "end the machine and prove that billing ended",
    value_also = "HH:MM", doc_also = "when to stop, in local time" },
  { name = "days", kind = "days", value = "DAYS",
    doc = "on which days: mon-fri (default), mon,wed,fri, daily" },
  { name = "cron", kind = "none", doc = "by the crontab" },
  { name = "systemd", kind = "none", against = "cron",
    doc = "by timers of systemd (default where they work)" },
  { name = "print", kind = "none", doc = "print what would be written; write nothing" },
  { name = "shell", kind = "none", implies = "endpoint",
    doc = "lines for a shell: eval \"$(continueplz endpoint --shell)\"" },
  { name = "json", kind = "none", against = "shell", doc = "the same as --output=json" },
  { name = "for", kind = "text", value = "CLIENT", against = "shell", implies = "endpoint",
  doc = "continue, opencode, codex, claude, aider, zed or pi" },
  { name = "write", kind = "none", against = "shell",
    doc = "with --for: put it into the client's own file; asks before it replaces anything" },
  { name = "vram", kind = "number", value = "GB", most = 100000, against = "gpu",
    doc = "a card with this much memory, as it is sold, like 24" },
  { name = "lines", short = "n", kind = "number", value = "N", most = 1000000,
    doc = "how many lines (logs: 40, history: 20)" },
  { name = "since", kind = "text", value = "WHEN",
    doc = "not what was over before: a date like 2026-11-01, or so long ago, like 7d" },
  { name = "by", kind = "choice", value = "WHAT", values = { "day", "cloud", "model" },
    doc = "summed by day (default), cloud or model" },
  { name = "csv", kind = "none", doc = "comma-separated values, for a table" },
  { name = "trace", kind = "none", doc = "show every request and answer, secrets hidden" },
  { name = "all", kind = "none", implies = "help", doc = "everything there is to know" },
  { name = "completion", kind = "choice", value = "SHELL", values = { "bash", "zsh", "fish" },
    against = "all", implies = "help",
    doc = "the script that completes continueplz in this shell: bash, zsh or fish" },
  { name = "manual", kind = "none", against = "all", implies = "help", doc = "the man page, in roff" },

  { name = "directory", short = "C", kind = "text", value = "DIR", global = true,
  doc = "the folder that holds .env, the journal and the log" },
  { name = "output", kind = "choice", value = "FORMAT", values = { "text", "json", "plain" },
    global = true,
    doc = "text (default), json, or plain: text of which nothing moves, for screen readers" },
  { name = "yes", short = "y", kind = "none", global = true, acts = true, doc = "ask nothing" },
  { name = "verbose", short = "v", kind = "none", global = true,
    doc = "tell more on stderr; -vv tells everything" },
  { name = "no-user", kind = "none", global = true, doc = "ignore the scripts in the folder" },
  { name = "version", kind = "none", global = true, doc = "print the version" },
  { name = "help", short = "h", kind = "none", global = true, implies = "help", doc = "print help" },
}

local flags = { list = rows }

local by_name, by_short = {}, {}
for _, row in ipairs(rows) do
  by_name[row.name] = row
  if row.short then
    by_short[row.short] = row
  end
end

--- The row of a long name, or nil.
function flags.long(name)
  return by_name[name]
end

--- The row of a letter, or nil.
function flags.short(letter)
  return by_short[letter]
end

--- All long names with their dashes; `acts[name]` are those that end something or agree to it.
function flags.names()
  local names = { acts = {} }
  for index, row in ipairs(rows) do
    names[index] = "--" .. row.name
    names.acts[names[index]] = row.acts
  end
  return names
end

return flags
