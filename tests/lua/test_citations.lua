-- SPDX-License-Identifier: MIT
-- What comments cite can be followed: each `facts/NAME.md §N` names a file and a section of docs/facts.
local files = require "base.files"
local sorted = require "base.sorted"
local source = require "source"

local SECTION = "\xc2\xa7%s?(%d[%d.]*)"

-- One line of the text without its breaks and the marks of comments, so that a citation may run over the end
-- of a line.
local function flat(text)
  return (text:gsub("\n[ \t]*%-%-+", " "):gsub("\n[ \t]*%*+", " "):gsub("\n[ \t]*#", " "):gsub("%s+", " "))
end

-- The numbers of the sections of a page: "### 1.9 Test vectors", "# PART 2 – LAMBDA CLOUD".
local function sections(text)
  local found = {}
  for line in ("\n" .. text):gmatch("\n#+ ([^\n]+)") do
    local number = line:match("^%u%u%u%u (%d+)") or line:match("^(%d[%d.]*)")
    found[number and number:gsub("%.$", "") or ""] = true
  end
  return found
end

local OTHERS = { "DESIGN", "PRD", "PRD's", "campaign", "HOUSE", "RFC %d+" } -- what is not kept here

-- Whose section stands behind this text: a page, or what is not kept here. One that names nobody belongs to
-- the first page that the file cites.
local function cited(before, only)
  local more = before
  repeat -- "§2.2 to §2.4", "RFC 9293 §3.10, §3.8"
    before = more
    more = before:gsub("[%s,;]+$", ""):gsub(" and$", ""):gsub(" to$", ""):gsub("\xc2\xa7%d[%d.]*%u?$", "")
  until more == before
  for _, name in ipairs(OTHERS) do
    if before:find(name .. "$") then return name end
  end
  return before:match("([%w-]+%.md)$") or only
end

return function(t)
  local root = source.root
  local dir = files.join(root, "docs/facts")

  local function texts()
    local found = {}
    for _, top in ipairs { "lua", "src", "tests" } do
      for path, text in sorted(source.tree(files.join(root, top), "")) do
        found[top .. "/" .. path] = path ~= "lua/test_citations.lua" and text or nil
      end
    end
    return found
  end

  t:case("every fact that is cited is in docs/facts", function()
    local pages, problems, count = {}, {}, 0
    for name, text in sorted(source.tree(dir, ".md")) do
      pages[name] = sections(text)
    end
    for path, text in sorted(texts()) do
      local one, only = flat(text), nil
      for name in one:gmatch("%f[%w]facts/([%w-]+%.md)") do
        only = only or name
        if not pages[name] then
          problems[#problems + 1] = ("%s cites facts/%s, which is not there"):format(path, name)
        end
      end
      for at, number in one:gmatch("()" .. SECTION) do
        local page = cited(one:sub(math.max(1, at - 200), at - 1), only)
        count = count + (pages[page] and 1 or 0)
        if pages[page] and not pages[page][number:gsub("%.+$", "")] then
          problems[#problems + 1] = ("%s cites %s §%s, which is not there"):format(path, page, number)
        elseif not page then
          problems[#problems + 1] = ("%s cites §%s of nothing"):format(path, number)
        end
      end
    end
    t:equal(problems, {})
    t:ok(count > 100, count .. " citations")
  end)

  t:case("the rules about money that are cited are in docs/money.md", function()
    local rules, count = {}, 0
    for number in assert(files.read(files.join(root, "docs/money.md"))):gmatch("\n| (%d+) | %*%*") do
      rules[number] = true
    end
    for path, text in sorted(texts()) do
      for number in flat(text):gmatch("DESIGN \xc2\xa71%.(%d+)") do
        t:ok(rules[number], path .. " cites the rule " .. number)
        count = count + 1
      end
    end
    t:ok(count > 10, count .. " citations")
  end)

  t:case("docs/facts/README.md lists the pages", function()
    local listed, there = {}, {}
    for name in assert(files.read(files.join(dir, "README.md"))):gmatch("\n| `([%w.-]+)` |") do
      listed[name] = true
    end
    for name in sorted(source.tree(dir, ".md")) do
      there[name] = name ~= "README.md" or nil
    end
    t:equal(listed, there)
  end)

  t:case("no page holds a key or a path of a computer", function()
    for name, text in sorted(source.tree(dir, ".md")) do
      for _, pattern in ipairs {
        "%f[%w]sk%-%w%w%w%w%w%w%w%w", "%f[%w]dop_v1_%w+", "PRIVATE KEY", "/work/%l", "/home/%l", "/root/%l",
      } do
        t:equal(text:find(pattern), nil, name .. " has " .. pattern)
      end
    end
  end)
end
