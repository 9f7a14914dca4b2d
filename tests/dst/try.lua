local play = require "dst.play"
local clock = require "base.clock"
local term = require "base.term"
local t0 = clock.now()
local p = play.new { seed = 1 }
local c = p:run("up", "--cheapest", "-y", "--model=qwen3-coder:30b")
term.out(("up %s  %.3f s virtual %.1f lines %d\n"):format(tostring(c), clock.now() - t0, p.sim.now, #p.lines))
t0 = clock.now()
local s = p:run("status") 
term.out(("status %s %.3f\n"):format(tostring(s), clock.now() - t0)) t0 = clock.now()
local d = p:run("stop")
term.out(("stop %s %.3f\n"):format(tostring(d), clock.now() - t0))
p.judge:finish()
term.out(table.concat(p.lines, "\n") .. "\n" .. tostring(p.judge:verdict()) .. "\n" .. p:hash() .. "\n")
return 0
