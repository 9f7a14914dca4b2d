-- SPDX-License-Identifier: MIT
require("generated").write(require("source").root)
