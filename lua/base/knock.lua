-- SPDX-License-Identifier: MIT
-- A few words into another process's socket before anything else is loaded.

local host = ...

-- Writes `text` into the Unix socket `path` without waiting, and does not wait for an answer.
-- → whether it could be written
return function(path, text)
  local socket = host.net.connect { unix = path }
  local written = socket and socket:write(text) == #text
  if socket then socket:close() end
  return written == true
end
