-- SPDX-License-Identifier: MIT
-- The user data of a virtual machine, as a table that becomes JSON behind `#cloud-config` (facts/serving.md
-- §7.1). The guard is the first thing that is started; there is no `packages:`, since cloud-init would
-- install them before it.
--
-- parts: directory (absolute), files = { { name=, content=, mode = "0600", encoding=|nil }, … } below it,
-- services = { { name=, about=, command = { words }, environment = { "NAME=value" } }, … } in the order
-- of their start. → table

local PERMISSIONS = "0700"

-- Without limits on restarts; killed outright, for the guard lets no casual signal end it.
local function unit(parts, service)
  local lines = {
    "[Unit]", "Description=" .. service.about, "StartLimitIntervalSec=0", "", "[Service]",
    "WorkingDirectory=" .. parts.directory, "EnvironmentFile=" .. parts.directory .. "/environment",
  }
  for _, pair in ipairs(service.environment or {}) do
    lines[#lines + 1] = "Environment=" .. pair
  end
  for _, line in ipairs { "ExecStart=" .. table.concat(service.command, " "), "Restart=always",
    "RestartSec=1", "KillSignal=SIGKILL",
    "OOMScoreAdjust=-900", "UMask=0077", "", "[Install]", "WantedBy=multi-user.target", "" } do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

return function(parts)
  local write_files, start = {}, { "systemctl", "enable", "--now" }
  for _, file in ipairs(parts.files) do
    write_files[#write_files + 1] = { path = parts.directory .. "/" .. file.name, content = file.content,
      permissions = file.mode, encoding = file.encoding }
  end
  for _, service in ipairs(parts.services) do
    start[#start + 1] = service.name .. ".service"
    write_files[#write_files + 1] = { path = "/etc/systemd/system/" .. service.name .. ".service",
      content = unit(parts, service), permissions = "0644" }
  end
  return {
    -- before the files, which hold keys
    bootcmd = { { "install", "-d", "-m", PERMISSIONS, parts.directory } },
    write_files = write_files,
    runcmd = { { "systemctl", "daemon-reload" }, start },
  }
end
