-- SPDX-License-Identifier: MIT
-- Bad input: one sentence that names it and the way out, the right exit code, nothing lost, nothing billed.
local expect = require "e2e.expect"
local files = require "base.files"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

-- name; prepare(r); arguments; exit code; texts
local rows = {
  { "no .env", function(r) files.remove(files.join(r.home, ".env")) end, { "--cheapest", MODEL }, 3, { ".env" } },
  { "empty key", function(r) files.write(files.join(r.home, ".env"), "VAST_API_KEY=\n", 384) end, { "--cheapest", MODEL }, 3, { "VAST_API_KEY" } },
  { "world-readable .env", function(r) files.chmod(files.join(r.home, ".env"), 420) end, { "--cheapest", MODEL }, 3, { "chmod 600" } },
  { "unknown flag", nil, { "--cheapest", "--modle=x" }, 2, { "--modle", "--model" } },
  { "unknown command", nil, { "statsu" }, 2, { "status" } },
  { "unknown model", nil, { "--cheapest", "--model=qwen3-codr:30b" }, 2, { "qwen3-codr:30b", "qwen3-coder:30b" } },
  { "cloud model", nil, { "--cheapest", "--model=qwen3-coder:480b-cloud" }, 2, { "cloud" } },
  { "a GPU that fits nothing", nil, { "--cheapest", MODEL, "--gpu=l4" }, 4, {} },
  { "nonsense duration", nil, { "--cheapest", MODEL, "--timeout=soon" }, 2, { "soon" } },
  { "beyond MAX_PRICE without a terminal", nil, { "--cheapest", MODEL, "--gpu=h100", "--on-demand" }, 8, { "MAX_PRICE" }, { MAX_PRICE = "0.01" } },
  { "newer state", function(r) files.write(files.join(r.home, ".continueplz.state"), '{"version":99}\n') end, { "--cheapest", MODEL }, 3, { "newer" } },
  { "broken policy", function(r) files.write(files.join(r.home, "policy.lua"), "return function( end\n") end, { "--cheapest", MODEL }, 3, { "policy.lua" } },
  { "world-writable policy", function(r)
    files.write(files.join(r.home, "policy.lua"), "return function(c) return c, {} end\n")
    files.chmod(files.join(r.home, "policy.lua"), 438)
  end, { "--cheapest", MODEL }, 3, { "policy.lua" } },
}

for _, row in ipairs(rows) do
  local name, prepare, arguments, code, texts, env = table.unpack(row, 1, 6)
  cases[#cases + 1] = { name = name, options = { env = env }, run = function(r)
    if prepare then prepare(r) end
    local result = expect.plain(expect.ends(r:run(table.unpack(arguments)), code, table.unpack(texts)))
    expect.lacks(result, "traceback", "attempt to", r.account_key)
    expect.all_over(r)
  end }
end

cases[#cases + 1] = { name = "half a journal record", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local path = files.join(r.home, "journal")
  assert(files.append(path, "0123456789abcdef0123456789abcdef {\"kind\":\"clo"))
  expect.ends(r:run("status"), 0, "Active")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
  expect.that(files.read(path .. ".torn"), "the torn record was lost")
end }

cases[#cases + 1] = { name = "damaged journal: no new rental, stop still works", run = function(r)
  expect.ends(r:run("--cheapest", MODEL), 0)
  local path = files.join(r.home, "journal")
  local text = files.read(path)
  local at = text:find('"kind":"guarded"', 1, true)
  assert(files.write(path, text:sub(1, at + 8) .. "x" .. text:sub(at + 10)))
  expect.ends(r:run("stop"), 0)
  expect.nothing_bills(r)
  expect.ends(r:run("--cheapest", MODEL), 3, "damaged")
  expect.all_over(r)
end }

return cases
