-- SPDX-License-Identifier: MIT
-- A client of one service: its base address, its headers, its rate, and which of its writes create nothing
-- that bills. client:create is the only function of the program that sends a create.

local clock = require "base.clock"
local creates = require "base.creates"
local task = require "base.task"
local ticket = require "base.ticket"

local client = {}

local Client = {}
local performers = setmetatable({}, { __mode = "k" }) -- client → what sends; not for its users
local rehearsals = setmetatable({}, { __mode = "k" }) -- client → whether it only tells what it would send
Client.__index = Client

-- "POST ^/asks/%d+/$" → {method, pattern}; `any`: the method may be "*"
local function rule(text, any)
  local method, pattern = text:match("^(%u+) (.+)$")
  if any and not method then method, pattern = text:match("^(%*) (.+)$") end
  if not method then
    error(("%q is no rule like \"POST ^/path$\""):format(text), 0)
  end
  return { method = method, pattern = pattern }
end

local function matches(one, method, path)
  return (one.method == method or one.method == "*") and path:find(one.pattern) ~= nil
end

-- Waits for the turn of the slowest class that this request belongs to;
-- turns are given out in order of asking.
local function wait_turn(self, method, path)
  local at = clock.now()
  for _, class in ipairs(self.classes) do
    if matches(class, method, path) then at = math.max(at, class.free or at) end
  end
  for _, class in ipairs(self.classes) do
    if matches(class, method, path) then class.free = at + class.seconds end
  end
  local left = at - clock.now()
  if left > 0 then task.sleep(left) end
end

-- What is alike for all requests of a client.
local OF_CONNECTION = { "unix", "ca_file", "ca_pem", "client_pem", "client_key" }

local function spec_of(self, method, path, options)
  local spec = {}
  for key, value in pairs(options or {}) do spec[key] = value end -- order: free
  local headers = {}
  local common = self.headers
  if type(common) == "function" then common = common() end
  for _, list in ipairs { common or {}, spec.headers or {} } do
    for name, value in pairs(list) do headers[name] = value end -- order: free
  end
  spec.method, spec.url, spec.headers = method, self.base .. path, headers
  spec.timeout = spec.timeout or self.timeout
  spec.classify = spec.classify or self.classify
  for _, name in ipairs(OF_CONNECTION) do
    spec[name] = spec[name] or self[name]
  end
  return spec
end

local function bare(path) return (path:gsub("[?#].*$", "")) end

local function check(self, path)
  if getmetatable(self) ~= Client then
    error("call this with a colon: client:get(path)", 3)
  end
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
    error(("the path %q must start with /"):format(tostring(path)), 3)
  end
end

local function send(self, method, path, options)
  wait_turn(self, method, bare(path))
  local spec = spec_of(self, method, path, options)
  -- the base may have been changed meanwhile, by the function that makes the headers for example
  creates.refuse(method, spec.url, spec.json == nil and spec.body or nil)
  return performers[self](spec)
end

local function write(self, method, path, options)
  check(self, path)
  creates.refuse(method, self.base .. path, options and options.json == nil and options.body or nil)
  for _, one in ipairs(self.writes) do
    if matches(one, method, bare(path)) then
      return send(self, method, path, options)
    end
  end
  error(("%s %s is not declared in this client's `writes`: what creates something that bills needs "
    .. "client:create and a ticket"):format(method, bare(path)), 3)
end

function Client:get(path, options)
  check(self, path)
  return send(self, "GET", path, options)
end

function Client:delete(path, options)
  check(self, path)
  return send(self, "DELETE", path, options)
end

function Client:post(path, options) return write(self, "POST", path, options) end
function Client:put(path, options) return write(self, "PUT", path, options) end
function Client:patch(path, options) return write(self, "PATCH", path, options) end

-- Is this create but told of (http.rehearse)? What the journal gave a ticket for is none of a rehearsal.
local function only_told(self, order_ticket)
  return order_ticket == nil and rehearsals[self]()
end

--- Sends what creates something that bills, once, on a fresh connection. The ticket is used up: `sent` is in
-- the journal before the request leaves. While http.rehearse is under way none is wanted, and nothing leaves.
function Client:create(order_ticket, method, path, options)
  check(self, path)
  if not ticket.valid(order_ticket) and not only_told(self, order_ticket) then ticket.use(order_ticket) end
  wait_turn(self, method, bare(path))
  local spec = spec_of(self, method, path, options)
  spec.fresh = true
  if not only_told(self, order_ticket) then ticket.use(order_ticket) end
  return performers[self](spec)
end

--- {base=, headers=fn|table, writes={"POST ^/path$", …}, classify=fn(response) → failure fields|nil,
-- interval={["GET ^/x"] = seconds} ("* ^/x": all methods share it), timeout=, and those of OF_CONNECTION}
function client.new(options, perform, rehearses)
  local made = {
    base = options.base:gsub("/+$", ""), headers = options.headers, classify = options.classify,
    timeout = options.timeout, writes = {}, classes = {},
  }
  for _, name in ipairs(OF_CONNECTION) do made[name] = options[name] end
  for i, text in ipairs(options.writes or {}) do made.writes[i] = rule(text) end
  for _, text in ipairs(require("base.sorted").keys(options.interval or {})) do
    local class = rule(text, true)
    class.seconds = options.interval[text]
    made.classes[#made.classes + 1] = class
  end
  performers[made], rehearsals[made] = perform, rehearses
  return setmetatable(made, Client)
end

return client
