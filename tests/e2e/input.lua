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

cases[#cases + 1] = { name = "a policy of one's own decides", run = function(r)
  local source = assert(files.read("examples/policy.lua"))
  assert(files.write(files.join(r.home, "policy.lua"), source))
  local object = expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json"), 0))
  expect.that(object.status == "dry-run", "status is " .. tostring(object.status))
  local plain = expect.json(expect.ends(r:run("--cheapest", MODEL, "--dry-run", "--output=json", "--no-user"), 0))
  local mine, builtin = object.offers[1], plain.offers[1]
  expect.that(mine.region:sub(1, 2) == "eu", "the region is " .. tostring(mine.region))
  expect.that(#object.offers < #plain.offers or mine.id ~= builtin.id, "the policy changed nothing")
end }

cases[#cases + 1] = { name = "a full disk: nothing is sent, nothing lost", run = function(r)
  local process = require "base.process"
  if process.uid() ~= 0 then return "needs root to mount a small file system" end
  local small = files.join(r.dir, "small")
  files.mkdir(small)
  local function tool(...)
    local exit = process.spawn({ argv = { ... }, stdin = "null", stdout = "null", stderr = "null" }):wait()
    return exit.status == 0
  end
  if not tool("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", small) then return "mount is not allowed here" end
  local home = r.home
  assert(files.write(files.join(small, ".env"), assert(files.read(files.join(home, ".env"))), 384))
  r.home = small
  local fill = files.write(files.join(small, "filler"), ("x"):rep(44 * 1024))
  local result = r:run("--cheapest", MODEL)
  local bills = #r:billing()
  files.remove(files.join(small, "filler"))
  local again = r:run("stop")
  tool("umount", "-l", small)
  r.home = home
  expect.that(fill, "the file system could not be filled")
  expect.that(result.code ~= 0, "a start worked on a full disk")
  expect.lacks(result, "traceback", "attempt to")
  expect.that(bills == 0, "something bills")
  expect.ends(again, 0)
end }

return cases
