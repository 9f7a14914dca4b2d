-- SPDX-License-Identifier: MIT
-- Data that the program carries.

local host = ...

local world = require "sandbox.world"

local assets = {}

--- The program for the rented machine, compressed by gzip; or nil, sentence, code when it was built without.
function assets.guest() return host.script.embedded("asset/guest.gz") end

--- The text of templates/NAME: the user's own, or the embedded one. → text, where it came from;
-- or nil, sentence, code
function assets.template(name) return world.text("templates/" .. name) end

return assets
