-- SPDX-License-Identifier: MIT
--- What cloud-init does with user data, as far as it is simulated: `#cloud-config` in JSON with bootcmd,
--- write_files and runcmd, or a script that begins with #!. Every other form or key becomes a note for the
--- machine's log.
local json = require "base.json"
local keys = require "base.keys"
local sorted = require "base.sorted"

local user_data = {}

-- Below these, so many parts of a path make a place that belongs to the machine: /opt/NAME, /var/lib/NAME.
local PLACES = { { "/usr/local/", 3 }, { "/var/", 3 }, { "/opt/", 2 }, { "/etc/", 2 }, { "/run/", 2 },
  { "/root/", 2 }, { "/home/", 2 } }
local TOOLS = { "systemctl", "shutdown", "poweroff", "reboot", "halt", "nvidia-smi" }
local ENCODINGS = { ["b64"] = { true }, ["base64"] = { true }, ["gz"] = { false, true }, ["gzip"] = { false,
  true }, ["gz+b64"] = { true, true }, ["gz+base64"] = { true, true }, ["gzip+b64"] = { true, true },
  ["gzip+base64"] = { true, true }, ["text/plain"] = {} }

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end
user_data.quote = quote

-- The directory that stands for a written file's surroundings; the file itself when it lies directly in /etc
-- and the like.
local function place_of(path)
  for _, row in ipairs(PLACES) do
    if path:sub(1, #row[1]) == row[1] then
      local parts, at = 0, 1
      while parts < row[2] do
        at = path:find("/", at + 1, true)
        if not at then return path end
        parts = parts + 1
      end
      return path:sub(1, at - 1)
    end
  end
  return path
end

-- → function(text) → text in which paths of the machine lie below `root` and those of its tools in `bin`.
local function rewriter(paths, root, bin)
  local places, tools = { ["/etc/systemd/system"] = true }, {}
  for _, path in ipairs(paths) do
    places[place_of(path)] = true
  end
  for _, name in ipairs(TOOLS) do
    for _, dir in ipairs({ "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/" }) do
      tools[dir .. name] = bin .. "/" .. name
    end
  end
  local function moved(path)
    for place in sorted(places) do
      if path == place or path:sub(1, #place + 1) == place .. "/" then
        return root .. path
      end
    end
    return tools[path]
  end
  return function(text)
    if text:find("\0", 1, true) then return text end
    local plain = text:gsub("()(/[%w%._%-/+@%%]*)", function(at, path)
      return not text:sub(at - 1, at - 1):find("[%w%._~\\/-]") and moved(path) or nil
    end)
    -- who sets PATH anew keeps the machine's own tools in front
    plain = plain:gsub("(%f[%w_]PATH=[\"']?)(\\?/)", "%1" .. bin:gsub("%%", "%%%%") .. ":%2")
    return (plain:gsub("()(\\/[%w%._%-/+@%%\\]*)", function(at, path)
      local new = not plain:sub(at - 1, at - 1):find("[%w%._~/-]") and moved((path:gsub("\\/", "/")))
      return new and new:gsub("/", "\\/") or nil
    end))
  end
end

local function permissions(value)
  if type(value) == "number" then return ("%04o"):format(value) end
  return type(value) == "string" and value:match("^0?[0-7]+$") or "0644"
end

-- A row of write_files → {path, data, gzipped, mode, append}, or nil and a note.
local function file_of(row)
  if type(row) ~= "table" or type(row.path) ~= "string" or row.path:sub(1, 1) ~= "/" then
    return nil, "an entry of write_files without an absolute path"
  elseif row.path:find("/../", 1, true) then
    return nil, row.path .. " is not written"
  end
  local form = ENCODINGS[row.encoding or "text/plain"]
  local data = type(row.content) == "string" and row.content or ""
  if not form then
    return nil, row.path .. ": unknown encoding " .. tostring(row.encoding)
  elseif form[1] then
    data = keys.unbase64((data:gsub("%s", "")))
  end
  if not data then return nil, row.path .. ": its content is not base64" end
  return { path = row.path, data = data, gzipped = form[2] == true, mode = permissions(row.permissions),
    append = row.append == true }
end

-- bootcmd or runcmd as one shell script, as cloud-init makes it: text as it is, lists quoted word by word.
local function script_of(list, name, notes)
  local lines = {}
  for _, item in ipairs(type(list) == "table" and list or {}) do
    if type(item) == "string" then
      lines[#lines + 1] = item
    elseif type(item) == "table" then
      local words = {}
      for i, word in ipairs(item) do
        words[i] = quote(tostring(word))
      end
      lines[#lines + 1] = table.concat(words, " ")
    else
      notes[#notes + 1] = "an entry of " .. name .. " is neither text nor a list"
    end
  end
  if list ~= nil and type(list) ~= "table" then
    notes[#notes + 1] = name .. " is no list"
  end
  return #lines > 0 and "#!/bin/sh\n" .. table.concat(lines, "\n") .. "\n" or nil
end

local function cloud_config(text, notes)
  local value, problem = json.decode(text)
  if type(value) ~= "table" then
    notes[#notes + 1] = "#cloud-config in YAML is not simulated (write it as JSON): nothing of it is done; "
      .. tostring(problem)
    return { files = {} }
  end
  local files = {}
  for _, row in ipairs(type(value.write_files) == "table" and value.write_files or {}) do
    local file, note = file_of(row)
    files[#files + 1] = file
    notes[#notes + 1] = note
  end
  for name in sorted(value) do
    if name ~= "bootcmd" and name ~= "write_files" and name ~= "runcmd" then
      notes[#notes + 1] = "the cloud-config key " .. tostring(name) .. " is not simulated"
    end
  end
  return { files = files, bootcmd = script_of(value.bootcmd, "bootcmd", notes),
    runcmd = script_of(value.runcmd, "runcmd", notes) }
end

-- Where a script writes: what it redirects to, and the paths on its lines that make or move files; and all
-- below /opt, /root and /home.
local WRITERS = { "mkdir", "install", "tee", "touch", "cp", "mv", "ln", "chmod", "chown" }
local function written_by(text)
  local paths = {}
  for line in text:gmatch("[^\n]+") do
    local writes = line:find(">%s*[\"']?/") ~= nil
    for _, word in ipairs(WRITERS) do
      writes = writes or line:find("%f[%w]" .. word .. "%f[%W]") ~= nil
    end
    for at, path in line:gmatch("()(/[%w%._%-/+@%%]+)") do
      local place = place_of(path)
      local own = path:find("^/opt/") or path:find("^/root/") or path:find("^/home/")
      local written = writes and (place ~= path or path:find("^/etc/"))
      local alone = not line:sub(at - 1, at - 1):find("[%w%._~\\/:-]")
      paths[#paths + 1] = alone and (own or written) and path or nil
    end
  end
  return paths
end

--- → {bootcmd = script or nil, files = list of {path, data, gzipped, mode, append}, runcmd = script or nil,
--- notes = sentences, is_script = it is a script alone, rewrite = function(text)}. The scripts are rewritten,
--- the files' data is not yet (it may be compressed).
function user_data.read(text, root, bin)
  local notes, plan = {}, { files = {} }
  if text == nil or text == "" then
    plan = { files = {} }
  elseif text:find("^#cloud%-config%s") then
    plan = cloud_config(text:gsub("^[^\n]*\n", "", 1), notes)
  elseif text:find("^#!") then
    plan.runcmd, plan.is_script = text, true
  else
    notes[1] = "user data of this form is not simulated: " .. text:sub(1, 40):gsub("%c.*", "")
  end
  local paths = plan.is_script and written_by(text) or {}
  for i, file in ipairs(plan.files) do
    paths[i] = file.path
  end
  plan.notes, plan.rewrite = notes, rewriter(paths, root, bin)
  plan.bootcmd, plan.runcmd = plan.bootcmd and plan.rewrite(plan.bootcmd),
    plan.runcmd and plan.rewrite(plan.runcmd)
  return plan
end

return user_data
