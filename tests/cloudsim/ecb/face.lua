-- SPDX-License-Identifier: MIT
--- The European Central Bank's daily feed of rates (facts/rates.md), as recorded, with another date:
--- `ecb_days` before the world's day; `ecb_answer`: "feed", "html", or "down" (no answer).
local clock = require "base.clock"
local reply = require "cloudsim.reply"

local DAY = 86400

local FEED = [[
<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='%s'>
			<Cube currency='USD' rate='1.1575'/>
			<Cube currency='JPY' rate='180.92'/>
			<Cube currency='GBP' rate='0.87590'/>
			<Cube currency='CHF' rate='0.9323'/>
		</Cube>
	</Cube>
</gesmes:Envelope>
]]

return {
  name = "ecb", settings = { ecb_days = 1, ecb_answer = "feed" },
  handler = function(request, world)
    world:note { face = "ecb", method = request.method, path = request.path, query = {}, key = "none" }
    if world.settings.ecb_answer == "down" then return { drop = true } end
    if world.settings.ecb_answer == "html" then return reply.html(200) end
    local day = clock.iso(world.time - world.settings.ecb_days * DAY):sub(1, 10)
    return reply.text(200, FEED:format(day), "text/xml")
  end,
}
