-- SPDX-License-Identifier: MIT
-- Rows that are read as their text comes: the same as json.decode makes of the whole, or no JSON, wherever
-- the text is cut into pieces or cut off.
local clean = require "base.clean"
local json = require "base.json"
local rows = require "base.rows"
local sorted = require "base.sorted"

local FIELDS = { "id", "name", "ok", "price", "in" }

return function(t)
  -- → the rows as { id =, … } or false, the rest decoded (nil: no JSON), the rest as text
  local function read(text, size)
    local list, begun = {}, 0
    local reader = rows.reader("list", FIELDS, {
      begin = function() list, begun = {}, begun + 1 end,
      row = function(row)
        local copy = row and {}
        for name, value in sorted(row or {}) do copy[name] = value end
        list[#list + 1] = copy
      end,
    })
    for at = 1, #text, size do reader:feed(text:sub(at, at + size - 1)) end
    local left = reader:finish()
    return list, json.decode(left), left
  end

  -- The same by json.decode.
  local function expected(text)
    local whole = json.decode(text)
    if type(whole) ~= "table" then return {}, whole end
    whole = clean.deep(whole)
    local list = {}
    if type(whole.list) ~= "table" or whole.list[1] == nil then return list, whole end
    for index, row in ipairs(whole.list) do
      list[index] = type(row) == "table" and {}
      for _, name in ipairs(FIELDS) do
        if type(row) == "table" then list[index][name] = row[name] end
      end
    end
    whole.list = {}
    return list, whole
  end

  local function compare(text, sizes)
    local list, whole = expected(text)
    for _, size in ipairs(sizes or { 1, 2, 3, 7, 64, 5000 }) do
      local got, rest = read(text, size)
      local what = ("%s in pieces of %d"):format(text:sub(1, 300), size)
      t:equal({ whole = rest and clean.deep(rest) }, { whole = whole }, what)
      if whole ~= nil then t:equal(got, list, what) end
      for index, row in ipairs(whole ~= nil and list or {}) do
        for name, value in sorted(row or {}) do
          t:equal(math.type(got[index][name]), math.type(value), what)
        end
      end
    end
  end

  local VALUES = { "1", "-0", "0.1", "1.0", "-12.5e3", "1e999", "-1e999", "9007199254740993",
    "123456789012345", "1234567890123456", "0.52166666666666672", "1.", "-.5", "0.e1", "1E-5", "true",
    "false", "null", "[]", "{}", '{"id":5}', '[1,null,"x"]', '[[{"a":[1]}]]', '""', '"plain"', '"a\\"b"',
    '"\\ud83d"',
    '"\\u00e9\\ud83d\\ude00"', '"\\u0000"', '"caf\xc3\xa9"', '"bad\xff"', '"a\tb"', '"\\u202e"', '"\127"' }

  t:case("each kind of value, wanted or not", function()
    for _, value in ipairs(VALUES) do
      compare('{"list":[{"id":1,"price":' .. value .. ',"other":' .. value .. "}],\"success\":true}")
      compare('{"list":[' .. value .. "," .. value .. '],"more":' .. value .. "}")
    end
  end)

  t:case("what stands where: blanks, keys with escapes, repeated names, other members", function()
    for _, text in ipairs {
      '{}', '{"list":[]}', ' { "list" : [ ] , "a" : 1 } ', '{"a":[1,2],"list":[{"id":1},{"id":2}]}',
      '{"list":[{"id":1,"id":2,"id":null}]}', '{"list":[{"id":1}],"list":[{"id":2},{"id":3}]}',
      '{"list":[{"id":1}],"list":null}', '{"list":null,"list":[{"id":1}]}', '{"list":{"id":1}}',
      '{"list":[{"id":1}],"list":{"id":7}}', '{"l\\u0069st":[{"\\u0069d":1}]}', '{"list":"none"}',
      '{"in":{"list":[{"id":1}]}}', '[{"list":[{"id":1}]}]', '"list"', "5", "false", '{"":1,"list":[{"":1}]}',
      "\n9\0x", ' {"list":[{"id":1}]}\0x',
      '{"list":[1,"x",null,true,[1],[],{}]}', '{"list":[{"in":{"id":1},"id":2}]}', '{"lists":[1]}',
      '{"list" :\n[\t{"id" : 1 , "name":"x"}\r\n,{ "id":2 } ]\n}\n',
    } do compare(text) end
  end)

  t:case("what is no JSON is none, wherever it is wrong", function()
    local deep = ("["):rep(198) .. ("]"):rep(198)
    for _, text in ipairs {
      "", " ", "<html>", '{"list":[{"id":1},]}', '{"list":[,{"id":1}]}', '{"list":[1 2]}', "null", "{,}",
      '{"list":[{"id":1} {"id":2}]}', '{"list":[{"id":1},{"id":2]}', '{"list":[{"id":01}]}', '{"list":[1}',
      '{"list":[{"id":1}]', '{"list":[{"id":1}]}}', '{"list":[{"id":1}]} x', '{"list":[{id:1}]}',
      '{"list":[{"id":tru}]}', '{"list":[{"id":truex}]}', '{"list":[{"id":"\\x"}]}', '{"list":[[1,]]}',
      '{"list":[{"id":"\\u12g4"}]}', '{"list":[{"id":1,}]}', '{"list":[{"id":1 "a":2}]}', '{"list":[-.]}',
      '{"list":[{"id"}]}', '{"list":[{"id":-}]}', '{"list":[{"id":1e}]}', '{"list":[{"id":+1}]}',
      '{"list":[{"id":.5}]}', '{"list":[{"id":0x1}]}', '{"list":[{"id":"a\0b"}]}', '{"list":[{"id":1}\0]}',
      '{"list":[{"other":nan}]}', '{"list":[{"id":1}],"a":}', '{"a":1 "list":[{"id":1}]}',
      '{"a":],"list":[{"id":1}]}', '{"list":[[[' .. deep .. ']]]}', '{"list":[{"a":' .. deep .. "}]}",
      '{"a":[[' .. deep .. ']],"list":[]}',
    } do
      local list, rest = read(text, 5000)
      t:equal(rest, nil, text)
      t:ok(#list <= 1, text)
      compare(text)
    end
    compare('{"list":[{"a":' .. deep:sub(2, -2) .. "}]}", { 3, 5000 })
  end)

  local ANSWER = '{"a":{"list":[1]},"list":[{"id":40000001,"name":"RTX \\u00b5 4090",'
    .. '"price":0.52166666666666672,"x":{"y":[1,2,{"z":"}]"}]}},{"id":2,"ok":true,"price":-1.5e-3,'
    .. '"u":"\\\\\\""}, {"id":3,"in":[1]}],'
    .. '"success":true}'

  t:case("cut off at every byte it is no JSON, and in pieces cut at every byte the same", function()
    compare(ANSWER)
    for length = 0, #ANSWER - 1 do
      local list, rest = read(ANSWER:sub(1, length), 5000)
      t:equal(rest, nil, ANSWER:sub(1, length))
      t:ok(#list <= 3)
    end
    local wide = ANSWER:gsub("[%[%]{}:,]", " %0 ") -- in its texts too
    for size = 1, #ANSWER do
      compare(ANSWER, { size })
      compare(wide, { size })
    end
  end)

  t:case("with each byte another one it is what json.decode says", function()
    for at = 1, #ANSWER do
      for _, byte in ipairs { '"', "\\", "{", "]", ",", ":", "0", "-", "e", " ", "\0", "\xff" } do
        compare(ANSWER:sub(1, at - 1) .. byte .. ANSWER:sub(at + 1), { 50 })
      end
    end
  end)

  t:case("a row that is longer than any piece is looked at a few times only", function()
    local long = '{"list":[{"id":1,"x":"' .. ("y"):rep(300000) .. '"},{"id":2}]}'
    local list, rest = read(long, 100)
    t:equal({ #list, rest }, { 2, { list = {} } })
  end)

  t:case("what is misused raises", function()
    local on = { begin = function() end, row = function() end }
    t:raises("table expected", rows.reader, "list", "id", on)
    t:raises("names are texts", rows.reader, "list", { 1 }, on)
    local many = {}
    for index = 1, 65 do many[index] = "f" .. index end
    t:raises("too many fields", rows.reader, "list", many, on)
  end)
end
