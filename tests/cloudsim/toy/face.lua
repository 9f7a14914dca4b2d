-- SPDX-License-Identifier: MIT
--- The toy cloud, the far side of examples/providers/toy.lua. Its machines and its money are Vast's.
return { name = "toy", handler = require("cloudsim.toy.handler").handler }
