-- SPDX-License-Identifier: MIT
-- Facts as data: models, cards, regions, money, exit codes, suggestions.
local currencies = require "facts.currencies"
local exitcodes = require "facts.exitcodes"
local fail = require "base.fail"
local gpus = require "facts.gpus"
local models = require "facts.models"
local regions = require "facts.regions"
local suggest = require "facts.suggest"

return function(t)
  t:case("cards: the name alone never decides between 40 and 80 GB", function()
    local rows = {
      { "A100 SXM4", 40960, "a100-40" }, { "A100 PCIE", 81920, "a100-80" }, { "A100X", 81920, "a100-80" },
      { "A100 SXM4", 65000, nil }, { "RTX A6000", 49140, "a6000" }, { "RTX 6000Ada", 49140, "rtx6000-ada" },
      { "RTX PRO 6000 WS", 97887, "rtx-pro-6000" }, { "H100 SXM", 81559, "h100" },
      { "H100 NVL", 95830, "h100-94" }, { "H200 NVL", 143771, "h200" }, { "L4", 23034, "l4" },
      { "L40", 46068, "l40" }, { "L40S", 46068, "l40s" }, { "RTX 4090", 24564, "rtx4090" },
      { "RTX 4090", 49140, "rtx4090-48" }, { "RTX_4090", 24564, nil }, { "GH200 SXM", 97871, nil },
    }
    for _, row in ipairs(rows) do
      local gpu = gpus.at(require("providers.vast.card").gpus, row[1], row[2])
      t:equal(gpu and gpu.name, row[3], row[1] .. " " .. row[2])
    end
  end)

  t:case("cards as people call them: the obvious one is meant, of several none", function()
    local rows = {
      { "rtx4090", "4090", "RTX 4090", "rtx-4090", "GeForce RTX 4090", "NVIDIA GeForce RTX 4090 24GB",
        "Rtx4090" }, { "rtx4090-48", "4090 48GB" }, { "h100", "H100", "H100 SXM", "h100 pcie", "h100-80gb" },
      { "h100-94", "H100 NVL", "h100nvl" }, { "h200", "H200" }, { "a100-80", "A100 80GB", "a100_80" },
      { "a100-40", "A100-40", "a100 40" }, { "a6000", "RTX A6000", "rtxa6000" },
      { "rtx6000-ada", "6000 Ada", "RTX 6000Ada", "a6000 ada" },
      { "rtx-pro-6000", "RTX PRO 6000", "pro6000", "RTX PRO 6000 WS", "rtx 6000 blackwell" },
      { "l40s", "L40S", "l40 s" }, { "l40", "L40" }, { "v100", "Tesla V100" }, { "t4", "T4", "tesla t4" },
      { "rtx3090", "3090" }, { "rtx5090", "5090" }, { "b200", "B200" },
      { "a100", "A100", "NVIDIA A100", "A100 SXM4", "a100 pcie" },
    }
    for _, row in ipairs(rows) do
      for _, word in ipairs(row) do
        t:equal((gpus.meant(word) or {}).name, row[1], word)
        t:equal(require("config.effective").parse("DEFAULT_GPU", word), row[1], word)
      end
    end
    t:equal({ gpus.is("a100", "a100-40"), gpus.is("a100", "a100-80"), gpus.is("a100", "h100"),
      gpus.is("a100-40", "a100-80"), gpus.is("h100", "h100"), gpus.is("own", "own"),
      gpus.is("own", "other") }, { true, true, false, false, true, true, false })
    for word, names in pairs { ["RTX 6000"] = { "a6000", "rtx6000-ada", "rtx-pro-6000" } } do -- order: free
      local row, several = gpus.meant(word)
      t:equal({ row, #several }, { nil, #names }, word)
      local _, why = require("config.effective").parse("DEFAULT_GPU", word)
      for index, name in ipairs(names) do
        t:ok(several[index].name == name and why:find(name, 1, true), why)
      end
    end
    for _, word in ipairs { "", " ", "rtx", "nvidia", "-", "gb", "40", "100", "x4090", "4090ti" } do
      t:equal({ gpus.meant(word) }, { nil, {} }, word)
    end
    for _, row in ipairs(gpus.list) do
      t:equal({ gpus.meant(row.name), gpus.meant(row.title) }, { row, row })
    end
  end)

  t:case("fit: reported MiB are enough for what a nominal card holds, several "
    .. "cards cost a little each", function()
    local want = { vram_gb = models.vram_gb(18556700761, 96 * 1024, 32768) }
    t:ok(gpus.fits({ vram_gb = gpus.gb_of_mib(24564), gpus = 1 }, want),
      "a 24 GB card for qwen3-coder:30b at 32k")
    t:ok(not gpus.fits({ vram_gb = gpus.gb_of_mib(23034), gpus = 1 }, want), "an L4 is a little too small")
    t:ok(not gpus.fits({ vram_gb = want.vram_gb / 2, gpus = 2 }, want), "two cards of exactly half")
    t:ok(gpus.fits({ vram_gb = want.vram_gb / 2 + 0.3, gpus = 2 }, want), "two cards of half and a little")
  end)

  t:case("VRAM needs are those of the facts", function()
    local gib = { ["qwen3-coder:30b"] = 21.8, ["qwen2.5-coder:32b"] = 28.0, ["gpt-oss:120b"] = 63.5,
      ["qwen2.5-coder:14b"] = 15.9 }
    for name, wanted in pairs(gib) do -- order: free
      local row = models.find(name)
      local need = models.vram_gb(row.bytes, row.kv_bytes_per_token, 32768) * 0.95 * 1e9 / 2 ^ 30
      t:ok(math.abs(need - wanted) < 0.2, ("%s needs %.2f GiB"):format(name, need))
    end
  end)

  t:case("models: every tier has a default that has tools, names are unique", function()
    local seen = {}
    for _, row in ipairs(models.list) do
      t:ok(not seen[row.name], row.name .. " once")
      seen[row.name] = true
      t:ok(row.bytes > 9e8 and row.context >= 4096 and (row.kv_bytes_per_token or 1) > 0, row.name)
    end
    for _, tier in ipairs(models.tier_names) do
      local row = models.find(models.tiers[tier])
      t:equal({ row.tier, row.tools }, { tier, true })
    end
    t:equal(models.find("glm-4.7-flash:latest").name, "glm-4.7-flash")
    t:equal(models.find("qwen2.5-coder:72b"), nil)
  end)

  t:case("speed: dense by its bytes, sparse by what is active, never above the cap", function()
    t:ok(math.abs(models.speed(models.find "qwen2.5-coder:32b", 768) - 27) < 1, "A6000, dense")
    t:ok(math.abs(models.speed(models.find "qwen3-coder:30b", 768) - 108) < 3, "A6000, sparse")
    t:equal(models.speed(models.find "gpt-oss:20b", 8000), 250)
    t:equal(models.speed(models.find "gpt-oss:20b", nil), nil)
  end)

  t:case("regions from places as Vast writes them", function()
    local rows = {
      { "Texas, US", "us-central" }, { "Quebec, CA", "ca" }, { "Sofia-Capital, BG", "eu-east" },
      { "United States, US", "us" },
      { ", US", "us" },
      { "California, United States", "us-west" }, { "Virginia, US", "us-east" }, { "Sweden, SE", "eu-north" },
      { "Germany, DE", "eu-west" },
      { "nowhere", nil }, { "Nowhere, XX", nil }, { nil, nil }, { "Korea, Republic of, KR", "ap-east" },
    }
    for index = 1, 13 do
      t:equal(regions.of(rows[index][1]), rows[index][2], tostring(rows[index][1]))
    end
    t:ok(regions.match("us", "us-west") and regions.match("us", "us") and not regions.match("us-east", "us"),
      "us is no coast")
    t:ok(regions.match(nil, nil) and not regions.match("eu-west", nil), "an unknown place satisfies no wish")
    t:equal(regions.codes "us-east", { "US" })
    t:ok(table.concat(regions.codes "eu", " "):find("SE", 1, true), "a group has all its countries")
    for _, name in ipairs(regions.names) do
      t:ok(regions.known(name) and #regions.codes(name) > 0, name)
    end
  end)

  t:case("a rate has a day, or it is none", function()
    t:equal(currencies.parse "0.92@2026-11-19",
      { per_dollar = 0.92, date = "2026-11-19", source = "EUR_RATE" })
    for _, text in ipairs { "0.92", "", "x@2026-11-19", "92@2026-11-19", "0@2026-11-19" } do
      t:equal(currencies.parse(text), nil, text)
    end
    t:ok(currencies.fallback.per_dollar >= 0.95 and currencies.fallback.date,
      "the fallback is pessimistic and dated")
  end)

  t:case("every kind of failure has an exit code of the table", function()
    local codes = {}
    for _, row in ipairs(exitcodes.list) do
      t:ok(not codes[row.code], "code " .. row.code .. " once")
      codes[row.code] = row.name
    end
    for _, kind in ipairs(fail.kinds) do
      local code = exitcodes.of { kind = kind }
      t:ok(codes[code], kind)
      t:ok(kind == "internal" or code ~= 70, kind .. " is not our own mistake")
    end
    t:equal(exitcodes.of { kind = "transient", exit = "failed" }, 1)
    t:equal(exitcodes.of { kind = "strange" }, 70)
  end)

  t:case("suggestions: near words, beginnings, nothing for nonsense", function()
    t:equal(suggest.nearest("statsu", { "stop", "status" }), { "status" })
    t:equal(suggest.nearest("qwen3-codr:30b", models.names())[1], "qwen3-coder:30b")
    t:equal(suggest.nearest("h10", gpus.names()), { "h100" })
    t:equal(suggest.nearest("zzzzzz", { "stop", "status" }), {})
    t:equal(suggest.distance("kitten", "sitting"), 3)
    t:equal(suggest.distance("ab", "ba"), 1)
    t:equal(suggest.distance("", "abc"), 3)
    t:equal(suggest.hint("offres", { "offers" }), "; did you mean offers?")
  end)
end
