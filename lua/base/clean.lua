-- SPDX-License-Identifier: MIT
-- Texts from elsewhere (clouds, models, file names, the environment) as they may be kept and shown: valid
-- UTF-8, nothing that moves a cursor, hides or reorders what is read, and cut only between characters.
-- Pure.

local clean = {}

local CONTROL = "[\0-\8\11-\31\127]" -- line breaks and tabs are text

-- Characters that are not seen and change how others are seen: C1 controls, marks of direction, separators,
-- the byte order mark.
local INVISIBLE = {
  "\xc2[\x80-\x9f]", "\xd8\x9c", "\xe2\x80[\x8e\x8f\xa8-\xae]", "\xe2\x81[\xa6-\xa9]", "\xef\xbb\xbf",
}
local LEADS = "[\xc2\xd8\xe2\xef]"

local function byte_shown(byte) return ("\\x%02X"):format(byte:byte()) end

local function character_shown(character) return ("\\u{%04X}"):format(utf8.codepoint(character)) end

--- The text with other words for its invisible characters: shown(character) → text. It must be valid UTF-8.
function clean.visible(text, shown)
  if not text:find(LEADS) then return text end
  for _, pattern in ipairs(INVISIBLE) do text = text:gsub(pattern, shown or character_shown) end
  return text
end

--- The text with every byte that is no UTF-8 as `instead` (default: \xNN, four characters).
function clean.bytes(text, instead)
  local _, bad = utf8.len(text)
  if not bad then return text end
  local out, from = {}, 1
  while bad do
    out[#out + 1] = text:sub(from, bad - 1)
    out[#out + 1] = instead or byte_shown(text:sub(bad, bad))
    from = bad + 1
    _, bad = utf8.len(text, from)
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

local function uncontrolled(text, styled)
  if not text:find(CONTROL) then return text end
  return (text:gsub("(" .. CONTROL .. ")()", function(byte, after)
    if styled and byte == "\27" and text:find("^%[[%d;]*m", after) then
      return nil
    end
    return byte_shown(byte)
  end))
end

--- The text with all that is no text made visible, as \xNN or \u{NNNN}; line breaks and tabs stay. styled:
-- colours stay too.
function clean.text(text, styled)
  return clean.visible(clean.bytes(uncontrolled(text, styled)))
end

--- At most `most` bytes of a text, never a part of a character, with "…" where something was cut off.
function clean.cut(text, most)
  if #text <= most then return text end
  return text:sub(1, utf8.offset(text, 0, most + 1) - 1) .. "…"
end

-- Without the sequences that colour, move or name things on a terminal.
local function unstyled(text)
  return (text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*\7?", ""))
end

--- Lines that another program wrote for a terminal, or the end of them: as text.
function clean.lines(text)
  return clean.text(unstyled(text:gsub("^[\x80-\xbf]+", ""):gsub("\r\n", "\n")))
end

--- What somebody else said, as a part of one line: without sequences for terminals, blanks for line breaks,
-- at most `most` (300) bytes.
function clean.line(text, most)
  text = unstyled(text):gsub("[%s\0-\31\127]+", " ")
  return clean.cut(clean.text(text:match("^ ?(.-) ?$")), most or 300)
end

--- What somebody else said, as a part of a row of a screen: like `line`, but every blank stays.
function clean.row(text) return clean.text((unstyled(text):gsub("[%c]", " "))) end

--- A value with every text in it, keys included, as clean.text has it. The tables are changed in place. →
-- value
function clean.deep(value)
  if type(value) == "string" then return clean.text(value) end
  if type(value) ~= "table" then return value end
  local renamed
  for key, each in next, value do -- order: free
    if type(each) == "string" or type(each) == "table" then value[key] = clean.deep(each) end
    local name = type(key) == "string" and clean.text(key) or key
    if name ~= key then
      renamed = renamed or {}
      renamed[key] = name
    end
  end
  for key, name in next, renamed or {} do -- order: free
    value[key], value[name] = nil, value[key]
  end
  return value
end

return clean
