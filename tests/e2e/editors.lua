-- SPDX-License-Identifier: MIT
-- What editors get: lines for shells and the client's own file.
local expect = require "e2e.expect"
local files = require "base.files"
local json = require "base.json"
local tool = require "base.subprocess"

local MODEL = "--model=qwen3-coder:30b"
local cases = {}

cases[#cases + 1] = { name = "endpoint --write puts it into the client's file, once; a link, a damaged file, "
    .. "a shell client are refused", run = function(r)
  r.more_env = { "HOME=" .. r.dir, "HTTPS_PROXY=", "NO_PROXY=corp.example" }
  expect.ends(r:run("endpoint", "--write"), 2, "--write needs --for CLIENT")
  expect.ends(r:run("endpoint", "--for", "pi", "--write"), 7, "no model is ready")
  expect.ends(r:run("--cheapest", MODEL), 0)
  local result = expect.ends(r:run("endpoint", "--for", "pi"), 0,
    "this belongs into ~/.pi/agent/models.json; --write puts it there")
  local pi = files.join(r.dir, ".pi/agent/models.json")
  expect.that(json.decode(result.out) and not files.exists(pi), "not the content of the file alone")
  expect.ends(r:run("endpoint", "--for", "pi", "--write"), 0, "Written: ~/.pi/agent/models.json",
    "Money: running")
  expect.that(files.read(pi) == result.out, "what was printed was not what was written")
  expect.ends(r:run("endpoint", "--for", "pi", "--write"), 0, "says it already")
  local theirs = result.out:gsub('"contextWindow": %d+', '"contextWindow": 4096')
  assert(files.write(pi, theirs, 416))
  expect.ends(r:run("endpoint", "--for", "pi", "--write"), 3, "providers.continueplz is",
    "say -y to replace it; nothing was changed")
  local object =
    expect.json(expect.ends(r:run("endpoint", "--for", "pi", "--write", "-y", "--output=json"), 0))
  expect.that(object.written == true and object.file == pi and object.money_running == true,
    json.encode(object))
  expect.that(files.stat(pi).mode & 511 == 416 and json.decode(files.read(pi)), "mode or content are lost")
  files.remove(pi)
  assert(files.write(pi .. ".real", "{}", 420))
  tool.run { "ln", "-s", pi .. ".real", pi }
  expect.ends(r:run("endpoint", "--for", "pi", "--write", "-y"), 3, "is a symbolic link",
    "nothing was changed")
  expect.that(files.read(pi .. ".real") == "{}", "written through the link")
  files.remove(pi)
  assert(files.write(pi, "{ oops", 420))
  expect.ends(r:run("endpoint", "--for", "pi", "--write", "-y"), 3, "line 1: a name in quotes is missing",
    "nothing was changed")
  expect.ends(r:run("endpoint", "--for", "claude", "--write"), 2,
    "claude reads no file of its own but its environment")
  expect.ends(r:run("endpoint", "--shell"), 0, "export NO_PROXY='corp.example,127.0.0.1,localhost'")
  expect.ends(r:run("stop"), 0)
  expect.all_over(r)
end }

return cases
