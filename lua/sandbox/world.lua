-- SPDX-License-Identifier: MIT
-- The world that a script lives in: `require "sandbox.world"`. The loader calls this file once for each
-- world, with its own state and operations, and gives its modules what comes out. main.lua and the command
-- line add `home_origin`, `spoken` and `attended`.

local host, tools = ...

-- inner: the loader's state; operations: what it does with it. → the world
return function(inner, operations)
  local world = {
    home = inner.home,         -- the folder in use, or nil
    user = inner.user,         -- are scripts of the user's looked at?
    scripts = inner.scripts,   -- the directories of $CONTINUEPLZ_SCRIPTS
    problems = inner.problems, -- {{module=, file=, message=}, …}: scripts that could not be used
    notes = {},                -- sentences for the user about how this world came to be
    traceback = tools.traceback, loading = inner.loading, require = inner.require, source = inner.source,
  }

  --- From now on every require passes over what cannot be loaded, or not.
  function world.forgive(on) inner.forgiving = on end

  --- Like require, but never for want of a version that can be loaded.
  function world.require_safe(name) return operations.require_safe(inner, name) end

  --- The first version of a module that is not the user's, or nil.
  function world.builtin(name) return operations.builtin(inner, name) end

  --- Runs a function of the user's within bounds (sandbox.bounds).
  function world.bounded(...) return inner.require("sandbox.bounds").run(...) end

  --- Names of the user's own files in a room, sorted.
  function world.own(room) return operations.own(inner, room) end

  --- What the user's own file of this name in a room gives (or what is built in under that name).
  function world.require_own(room, name) return inner.require(room .. "." .. name) end

  --- Names of what is built in below a room, sorted: the NAMEs of ROOM/NAME.lua, or of ROOM/NAME/FILE.lua.
  function world.names(room, file) return operations.names(inner, room, file) end

  --- The text of a data file beside the scripts ("templates/NAME"). → text, path; or nil, sentence, code
  function world.text(name) return inner.require("sandbox.texts").read(inner, name) end

  --- Runs a script that is no module. → what it returns
  function world.run_file(path, args)
    return inner.require("sandbox.texts").run(inner, world, operations.environment, path, args)
  end

  --- Runs a script of the home ("init.lua", "reactions.lua") once. → true, what it returns; or nil, "missing"
  function world.run_home(name) return operations.run_home(inner, name) end

  --- What a module sees; shared, not to be changed.
  function world.globals() return operations.environment(inner, "") end

  --- The next require reads the module from disk again.
  function world.forget(name) operations.forget(inner, name) end

  --- The words that start this program in the same world; the command follows. → array
  function world.self_argv()
    local argv = { host.exe }
    if world.home then argv[2], argv[3] = "-C", world.home end
    if not world.user then argv[#argv + 1] = "--no-user" end
    return argv
  end

  return world
end
