-- SPDX-License-Identifier: MIT
--- Release archives of Ollama (facts/serving.md §1.3): bin/ollama, lib/ollama/…, as .tgz and .tar.zst,
--- whatever version is asked for. bin/ollama is the simulated one; it finds out on which machine it is from
--- the directory it was unpacked in.
local files = require "base.files"
local keys = require "base.keys"
local kinds = require "cloudsim.kinds"
local process = require "base.process"
local reply = require "cloudsim.reply"

local downloads = {}
local faults = kinds.of "registry"

local PACKERS = { tgz = { "tar", "-czf" }, ["tar.zst"] = { "tar", "--zstd", "-cf" } }

-- Real Ollama ends like this without HOME: it keeps its key pair there.
local LAUNCHER = [[#!/bin/sh
[ -n "$HOME" ] || { echo 'Error: $HOME is not defined' >&2; exit 1; }
dir=$(dirname "$(readlink -f "$0")")
until [ -f "$dir/.cloudsim" ]; do
  [ "$dir" = / ] && { echo "ollama: this is not a simulated machine" >&2; exit 1; }
  dir=$(dirname "$dir")
done
. "$dir/.cloudsim"
exec "${CLOUDSIM_FILES:-LIBRARY}/machine/bin/ollama" "$@"
]]

--- Makes the archives in `dir`; `lib` is the directory of these files. → {tgz = bytes, ["tar.zst"] = bytes};
--- a kind that the local tar cannot make is missing.
function downloads.build(dir, lib)
  local stage, made = files.join(dir, "stage"), {}
  local mode = tonumber("755", 8)
  for _, name in ipairs({ "bin", "lib/ollama" }) do
    assert(files.mkdir(files.join(stage, name)))
  end
  assert(files.write(files.join(stage, "bin/ollama"), (LAUNCHER:gsub("LIBRARY", (lib:gsub("%%", "%%%%")))),
    mode))
  assert(files.write(files.join(stage, "lib/ollama/llama-server"),
    "#!/bin/sh\necho 'simulated' >&2\nexit 1\n", mode))
  for kind, packer in pairs(PACKERS) do -- order: free
    local path = files.join(dir, "ollama." .. kind)
    local argv = table.move({ path, "-C", stage, "bin", "lib" }, 1, 5, #packer + 1, { table.unpack(packer) })
    local child = process.spawn { argv = argv, env = { "PATH=/usr/local/bin:/usr/bin:/bin" }, stdin = "null",
      stdout = "null", stderr = "null" }
    local event = child:wait()
    child:close()
    made[kind] = event.status == 0 and assert(files.read(path)) or nil
  end
  files.remove_tree(stage)
  return made
end

local function broken(data)
  return { status = 200, headers = { ["Content-Type"] = "application/octet-stream",
    ["Content-Length"] = tostring(#data) }, body = data:sub(1, #data // 2), close = true }
end

local BROKEN = faults:kind("download.broken", "half of the release archive")

local function asset(world, data)
  if BROKEN:take(world) then return broken(data) end
  return reply.text(200, data, "application/octet-stream")
end

local DOWN = faults:kind("download.down", "the release archive: no answer (`mode`)")
local MISSING = faults:kind("download.404", "the release archive is not there")
local HTML = faults:kind("download.html", "a web page instead of the release archive")

--- The answer for a path of an archive, or nil when it is none. As at the real place a redirect comes first.
function downloads.answer(request, world)
  local path = request.path
  local place, name, kind = path:match("^(.*)/(ollama%-linux%-%a+%d+)%.(.+)$")
  local sums = path:match("^/ollama/v[%w.-]+/sha256sum%.txt$")
  if not sums and not (name == "ollama-linux-amd64" or name == "ollama-linux-arm64") then
    return nil
  end
  local archives = world:hook("downloads") or {}
  if sums then
    local lines = {}
    for _, arch in ipairs({ "amd64", "arm64" }) do
      for _, ending in ipairs({ "tar.zst", "tgz" }) do
        lines[#lines + 1] = archives[ending] and keys.sha256_hex(archives[ending]) .. "  ./ollama-linux-"
          .. arch .. "." .. ending
      end
    end
    return reply.text(200, table.concat(lines, "\n") .. "\n")
  end
  local down = DOWN:take(world)
  if down then
    return reply.lost(down.mode or "drop")
  elseif not archives[kind] or MISSING:take(world) then
    return reply.text(404, "Not Found")
  elseif HTML:take(world) then
    return reply.html(200)
  elseif place == "/asset" then
    return asset(world, archives[kind])
  elseif place == "/download" or place:find("^/ollama/v%d[%w.-]*$") then
    return { status = 302, headers = { Location = "http://" .. (request.headers.host or "127.0.0.1")
      .. "/asset/" .. name .. "." .. kind }, body = "" }
  end
  return reply.text(404, "Not Found")
end

return downloads
