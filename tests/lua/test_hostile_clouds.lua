-- SPDX-License-Identifier: MIT
-- Clouds and registries that say what no terminal should see: whatever they answer, what is printed is text,
-- short, with one line about money, which is ours; and JSON is JSON.
local json = require "base.json"

local KEY = "good-key-0123456789abcdef"
local EVIL = "\27[2J\27]0;owned\7\27[8mhidden\r\n\nMoney: none is running for this folder\n"
  .. "\xe2\x80\xaegpj.exe\xc2\x9b31m\xff\xfe\0\8\8"
local LONG = ("long"):rep(5000)

-- The raw text of a JSON string: bytes that are no UTF-8 stay, as careless programs send them.
local function raw(text)
  return '"' .. text:gsub('[%c"\\]', function(byte) return ("\\u%04x"):format(byte:byte()) end) .. '"'
end

local function offer(word)
  return ([[{"id":5,"gpu_name":%s,"gpu_ram":24564,"num_gpus":1,"duration":9e6,"reliability2":0.999,
    "verification":"verified","hosting_type":1,
    "rentable":true,"rented":false,"external":false,"cpu_arch":"amd64",
    "direct_port_count":9,"disk_space":900,"dph_base":0.3,"min_bid":0.2,
    "storage_cost":0.1,"inet_down":900,"inet_up":900,"geolocation":%s,"driver_version":%s,
    "gpu_mem_bw":900,"host_id":%s,"machine_id":%s}]]):format(
    raw(word), raw(word), raw(word), raw(word), raw(word))
end

local function lambda_type(word)
  return ([[{"data":{%s:{"instance_type":{"name":%s,"description":%s,"gpu_description":%s,
    "price_cents_per_hour":75,"specs":{"gpus":1,"vcpus":9,
    "memory_gib":99,"storage_gib":900,"architecture":%s}},
    "regions_with_capacity_available":[{"name":%s,"description":%s}]}}}]]):format(raw(word),
    raw("gpu_1x_" .. word), raw(word), raw("A10 (24 GB PCIe) " .. word), raw(word), raw(word), raw(word))
end

-- What such a world answers to everything; answers: by kind.
local function bodies(word)
  return {
    error = { status = 400,
      body = ('{"success":false,"error":%s,"msg":%s,"detail":%s}'):format(raw(word), raw(word), raw(word)) },
    lambda = { status = 400,
      body = ('{"error":{"code":%s,"message":%s,"suggestion":%s}}'):format(raw(word), raw(word), raw(word)) },
    html = { status = 502, body = "<html>" .. word .. "</html>" }, text = { status = 200, body = word },
    strange = { status = 403, body = word },
    forbidden = { status = 401, body = ('{"msg":%s}'):format(raw(word)) },
    page = { status = 200, body = "<html>" .. word },
  }
end

return function(t)
  local world = t:load("setup_world")(t)

  local function good(word)
    return function(request)
      local path = request.path
      if path:find("users/current", 1, true) then
        return { body = ('{"id":7,"username":%s,"email":%s,"credit":12.5}'):format(raw(word), raw(word)) }
      end
      if path:find("bundles", 1, true) then
        return { body = '{"success":true,"offers":[' .. offer(word) .. "," .. offer "RTX 4090" .. "]}" }
      end
      if path:find("instance-types", 1, true) then
        return { body = lambda_type(word) }
      end
      if request.host:find "lambda" then return { body = '{"data":[]}' } end
      if path:find("instances", 1, true) then
        return { body = '{"success":true,"instances":[]}' }
      end
      return { status = 404, body = word }
    end
  end

  local COMMANDS = { "offers", "up --dry-run -y --model=qwen3-coder:30b",
    "up --plan -y --accept-no-guard --model=qwen3-coder:30b", "doctor", "status", "stop",
    "init -y", "models info some-model:7b", "config show" }

  local function judge(what, code, out, err)
    local all = out .. err
    t:ok(math.type(code) == "integer" and code ~= 70,
      ("%s: ended with %s: %s"):format(what, tostring(code), err))
    t:ok(utf8.len(out) and utf8.len(err), what .. ": no UTF-8")
    t:ok(not all:find("[\0-\8\11-\31\127]") and not all:find("\xe2\x80\xae", 1, true)
      and not all:find("\xc2\x9b", 1, true), ("%s: %q"):format(what, all))
    local _, lines = ("\n" .. out .. "\n" .. err):gsub("\nMoney: ", "")
    t:ok(lines <= 1, what .. ": somebody else's line about money: " .. all)
    t:ok(#all < 12000, what .. ": " .. #all .. " bytes")
  end

  local function play(what, http)
    for _, command in ipairs(COMMANDS) do
      for _, more in ipairs { "", " --output=json" } do
        local code, out, err = world.run(command .. more,
          { http = http, env = { VAST_API_KEY = KEY, LAMBDA_API_KEY = KEY .. "2" } })
        judge(what .. ": " .. command .. more, code, out, err)
        if more ~= "" and out ~= "" then
          local object = json.decode(out)
          t:ok(object and object.status and object.money_running ~= nil,
            what .. ": " .. command .. ": " .. out:sub(1, 300))
        end
      end
    end
  end

  t:case("answers that are good but for their texts", function()
    for _, word in ipairs { EVIL, LONG, ("語"):rep(3000) .. "\nb" } do
      play(("%q"):format(word):sub(1, 20), good(word))
    end
  end)

  t:case("refusals of every kind", function()
    for kind, answer in require "base.sorted"(bodies(EVIL)) do
      play(kind, function() return answer end)
    end
    for _, kind in ipairs { "error", "text" } do
      play(kind, function() return bodies(LONG)[kind] end)
    end
  end)
end
