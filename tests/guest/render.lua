-- SPDX-License-Identifier: MIT
-- Run by the program itself for start.py: renders the payload of a JSON order into a directory.
local files = require "base.files"
local json = require "base.json"
local payload = require "start.bootstrap.bundle"

local order, into = ...
local built = payload.build(json.decode(assert(files.read(order))))
for _, name in ipairs { "blob", "sha256", "script", "config" } do
  assert(files.write(files.join(into, name), built[name]))
end
