-- SPDX-License-Identifier: MIT
-- What journal records mean: folds them into sessions. Pure.
--
-- A session: token, provider, account, state, id, plan (the intent's fields), started (unix seconds of the
-- create), bound_at, endpoint, seen (since when the cloud shows the machine), running_at and running_seen (in
-- between it began to run), found_gone (nobody saw when it ended), loading_at, found (since when it is known
-- only because a cloud showed it), twin (id of a second machine of the same create that is not proven gone),
-- twin_seconds (what such machines were charged for), doubtful (set by home.journal: something of the record
-- was cut or damaged), paused (the cloud said that it did not run, which may have been so), unwatched (nobody
-- had heard of it when it was stopped), ready_at, took (seconds of each step of the start up to then),
-- hourly, disk_hour, lost (answer of create unknown), refused, stopping (reason), destroyed, absences,
-- unproven, doubted (an attempt to end it was not proven; others may be under way), closed (outcome: proven,
-- never, unverifiable, forgotten, acknowledged), taken (a person adopted it then), rented_life (seconds that
-- its life was limited to when it was rented), forgotten (given up by a person then), unverifiable (closed
-- so, or forgotten, not acknowledged yet), from_home (id of the home that rented it, when that is another
-- one), ended (unix seconds), cost, currency; untidy (since when something made around the machine is there),
-- untidied and untidy_reason (when and why its removal last failed).
local sessions = {}

-- kind → what it does to a session. A closed session can be opened again only by `bound` and `found`: the
-- cloud showed a machine after all.
local apply = {}

function apply.intent(s, r)
  s.plan, s.provider, s.account, s.state, s.intended = r, r.provider, r.account, "intent", r.t
  s.hourly, s.disk_hour, s.currency, s.model = r.hourly, r.disk_hour, r.currency, r.model
end

function apply.preparing(s, r) s.untidy = r.t end

function apply.tidied(s) s.untidy = nil end

function apply.untidied(s, r) s.untidied, s.untidy_reason = r.t, r.reason end

function apply.sent(s, r) s.state, s.started = "sent", r.t end

function apply.lost(s, r) s.state, s.lost, s.lost_reason = "lost", r.t, r.reason end

function apply.bound(s, r)
  s.state, s.id, s.bound_at, s.lost, s.closed, s.ended, s.found = "bound", r.id, r.t, nil, nil, nil, nil
  s.adopted = r.adopted
end

--- Seen at the cloud without this home's knowing. known: the record said that it was over, so nobody wants
-- it. by: a person had it taken in, from: out of another home, ending: to have it ended.
function apply.found(s, r)
  if not s.provider then apply.intent(s, r) end
  s.state, s.id, s.closed, s.ended, s.seen, s.unverifiable = "found", r.id, nil, nil, r.t, nil
  s.taken, s.forgotten = r.by and not r.ending and r.t or nil, nil
  s.found, s.started, s.account = (s.taken or not r.known) and r.t or nil, s.started or r.started or r.t,
    s.account or r.account
  s.untidy = s.untidy or r.around and r.t or nil
  s.from_home = r.from or s.from_home
  if r.by then s.stopping, s.unproven, s.doubted = r.ending, nil, nil end
  if s.taken then s.plan, s.ready_at, s.kept, s.endpoint = r, nil, nil, nil end -- its keys are lost
end

function apply.recognised(s, r) s.account = r.account end

function apply.repriced(s, r) s.hourly, s.disk_hour, s.seen = r.hourly, r.disk_hour, s.seen or r.t end

function apply.booting(s, r)
  s.state, s.endpoint, s.seen = "booting", r.endpoint, s.seen or r.t
  s.running_at, s.running_seen = s.running_at or r.before, s.running_seen or r.t
end

function apply.paused(s, r) s.paused = r.t end

function apply.moved(s, r) s.endpoint = r.endpoint end

function apply.tunnelled(s) s.state = "tunnelled" end

function apply.guarded(s, r) s.state, s.guarded_at = "guarded", r.t end

function apply.unguarded(s, r) s.state, s.unguarded_at = "unguarded", r.t end

function apply.loading(s, r) s.state, s.loading_at = "loading", r.t end

function apply.ready(s, r)
  s.state, s.ready_at, s.speed, s.context, s.pulled = "ready", r.t, r.speed, r.context, r.pulled
  s.took = r.took
end

--- The plan is the record of the intent, which stays as it was written.
function apply.limited(s, r)
  local plan = {}
  for name, value in require("base.sorted")(s.plan or {}) do plan[name] = value end
  s.rented_life = s.rented_life or plan.life
  plan.silence, plan.idle, plan.life = r.silence or plan.silence, r.idle or plan.idle, r.life or plan.life
  s.plan = plan
end

--- Another model is served since then; its download is paid for as well.
function apply.served(s, r)
  local plan = {}
  for name, value in require("base.sorted")(s.plan or {}) do plan[name] = value end
  plan.model, plan.context = r.model, r.context or plan.context
  plan.download = (plan.download or 0) + (r.download or 0)
  s.plan, s.model, s.context, s.speed, s.swapped = plan, r.model, r.context, r.speed, r.t
end

function apply.twin(s, r) s.twin = r.id end

function apply.twin_gone(s, r)
  s.twin, s.twin_seconds = nil, (s.twin_seconds or 0) + math.max(0, r.t - (s.started or r.t))
end

function apply.kept(s, r) s.kept = r.reason end

function apply.stopping(s, r)
  s.state, s.stopping, s.destroyed, s.absences, s.unproven, s.ended = "stopping", r.reason or "stop",
    nil, 0, nil, nil
  s.stop_began = s.stop_began or r.t
end

function apply.destroyed(s, r)
  s.destroyed, s.found_gone, s.unwatched = r.t, r.already or s.found_gone, r.unwatched or s.unwatched
end

--- n: which one in a row; one that was there again in between ended later.
function apply.absent(s, r)
  s.state, s.absences, s.ended = "absent", r.n or (s.absences or 0) + 1, r.n ~= 1 and s.ended or r.t
end

--- It may be there, whatever was seen before.
function apply.unproven(s, r)
  s.doubted = r.reason
  s.state, s.unproven, s.ended = "unproven", r.reason, nil
end

function apply.closed(s, r)
  s.cost_at_most, s.cost_source = r.at_most, r.source
  s.state, s.closed, s.ended, s.cost = "closed", r.outcome, r.ended or s.ended or r.t, r.cost
  s.unverifiable = r.outcome == "unverifiable" or nil
  s.doubted = nil
end

--- Given up by a person without an end: nobody watches it, and it is told of until `ack`.
function apply.forgotten(s, r)
  s.state, s.closed, s.unverifiable, s.forgotten, s.ended = "closed", "forgotten", true, r.t, s.ended or r.t
end

function apply.ack(s, r)
  s.forgotten = nil
  s.state, s.closed, s.acknowledged, s.ended, s.unverifiable = "closed", s.closed or "acknowledged", r.t,
    s.ended or r.t, nil
  s.doubted = nil
end

--- Folds records into sessions, in order of their intents. Records of unknown kinds change nothing but
-- are kept in the file.
function sessions.fold(records)
  local list, by_token = {}, {}
  for _, record in ipairs(records) do
    local token = record.token
    if token then
      local session = by_token[token]
      if not session then
        session = { token = token, state = "unknown", absences = 0, plan = {} } -- its intent may be damaged
        by_token[token] = session
        list[#list + 1] = session
      end
      local change = apply[record.kind]
      if change then change(session, record) end
      session.last = record.t
    end
  end
  return list
end

--- An intent whose create certainly never left: nothing can exist.
function sessions.never_sent(session)
  return not session.closed and not session.started and not session.id
end

local BY_ITSELF = { interrupted = true, gone = true, limit = true, ["unfinished start"] = true }

--- Did the machine end without anybody here asking for it?
function sessions.lost_by_itself(session)
  return session.id ~= nil and BY_ITSELF[session.stopping] == true and session.ended ~= nil
end

--- Does an open session bill? true, false, or nil: not known. So it is from the moment when its end was
-- acknowledged, or an attempt at it failed, until the end is proven.
function sessions.bills(session)
  local told = session.stopping and session.destroyed
  if session.unproven or session.doubted or session.unverifiable or told
    or not session.id and session.started then
    return nil
  end
  return session.id ~= nil
end

--- Should a user still hear of it: is it open, or ended without proof and not acknowledged?
function sessions.is_shown(session)
  return not session.closed or session.unverifiable == true
end

--- TELL_SECONDS: how long a machine that ended by itself is spoken of.
sessions.TELL_SECONDS = 24 * 3600

return sessions
