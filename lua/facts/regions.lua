-- SPDX-License-Identifier: MIT
-- Regions by our names, from country codes and American states (facts/vast.md §1.5).
local regions = {}

local countries = {
  ["eu-west"] = "IE GB FR NL BE LU DE CH AT ES PT IT",
  ["eu-north"] = "DK NO SE FI IS",
  ["eu-east"] = "PL CZ SK HU RO BG SI HR RS UA MD LT LV EE GR CY BA ME MK AL BY RU XK",
  ["ca"] = "CA",
  ["ap-east"] = "CN HK TW JP KR MO MN",
  ["ap-south"] = "IN PK BD LK NP",
  ["ap-southeast"] = "SG MY TH VN ID PH KH",
  ["oceania"] = "AU NZ",
  ["me"] = "AE SA QA KW BH OM IL TR JO",
  ["sa"] = "BR AR CL CO PE UY EC MX PA CR",
  ["af"] = "ZA KE NG EG MA TN GH",
}

local states = {
  ["us-west"] = { "California", "Oregon", "Washington", "Nevada", "Arizona", "Utah", "Idaho", "Montana",
    "Wyoming", "Colorado", "New Mexico", "Alaska", "Hawaii" },
  ["us-central"] = { "Texas", "Oklahoma", "Kansas", "Nebraska", "North Dakota", "South Dakota", "Minnesota",
    "Iowa", "Missouri", "Arkansas", "Louisiana", "Wisconsin", "Illinois" },
}

-- In the order in which they are shown.
regions.names = { "eu-west", "eu-north", "eu-east", "us-west", "us-central", "us-east", "us", "ca", "ap-east",
  "ap-south", "ap-southeast", "oceania", "me", "sa", "af" }
-- Names that stand for several.
regions.groups = {
  eu = { "eu-west", "eu-north", "eu-east" },
  us = { "us", "us-west", "us-central", "us-east" },
  ap = { "ap-east", "ap-south", "ap-southeast" },
}
regions.group_names = { "eu", "us", "ap" }

local region_of = {}
for _, name in ipairs(regions.names) do
  for code in (countries[name] or ""):gmatch("%S+") do
    region_of[code] = name
  end
end
local state_region = {}
for _, name in ipairs { "us-west", "us-central" } do
  for _, state in ipairs(states[name]) do
    state_region[state] = name
  end
end

--- Splits "Region, CC" at the last comma. → country code or nil, region text ("" when none).
function regions.parse(text)
  if type(text) ~= "string" then return nil, "" end
  local region, country = text:match("^(.*),%s*([^,]*)$")
  if not region then
    region, country = "", text
  end
  country = country:match("^%s*(.-)%s*$")
  region = region:match("^%s*(.-)%s*$")
  if country == "United States" then
    country = "US"
  end
  return country:match("^%u%u$"), region
end

--- Our region for a place like "Texas, US"; nil when it cannot be told. An American place without a state is
-- "us", never guessed to be a coast.
function regions.of(text)
  local country, region = regions.parse(text)
  if not country then return nil end
  if country ~= "US" then return region_of[country] end
  if region == "" or region == "United States" then return "us" end
  return state_region[region] or "us-east"
end

--- Is `name` a region or a group of regions?
function regions.known(name)
  if regions.groups[name] then return true end
  for _, each in ipairs(regions.names) do
    if each == name then return true end
  end
  return false
end

--- Does an offer's region satisfy the wanted one? An unknown place satisfies none.
function regions.match(wanted, region)
  if not wanted or wanted == "any" then return true end
  for _, each in ipairs(regions.groups[wanted] or { wanted }) do
    if each == region then return true end
  end
  return false
end

--- The country codes a wanted region can be in, sorted by the table: a filter to send along,
-- rechecked by `match`.
function regions.codes(wanted)
  local codes = {}
  for _, each in ipairs(regions.groups[wanted] or { wanted }) do
    if each:match("^us") then
      if codes[#codes] ~= "US" then
        codes[#codes + 1] = "US"
      end
    else
      for code in (countries[each] or ""):gmatch("%S+") do
        codes[#codes + 1] = code
      end
    end
  end
  return codes
end

return regions
