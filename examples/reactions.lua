-- SPDX-License-Identifier: MIT
-- What the agent does for you when something happens: copy this file to reactions.lua in your folder. Each
-- function gets the event and what it may ask for: act.alert(text) goes to the log and to ALERT_WEBHOOK_URL,
-- act.stop(reason) ends the machine and proves it, act.restart() starts a successor of a machine that is
-- gone, under all limits in force. An error or a loop in here is cut off; the agent's own duties come first.
local MOST = 20.00 -- dollars for one session

return {
  ready = function(event, act)
    act.alert(("%s answers on %s for $%.2f/h"):format(event.model, event.id, event.hourly))
  end,

  idle = function(event, act)
    act.alert(("%s ends itself in %.0f min unless somebody asks it something"):format(event.id,
      event.idle_left / 60))
  end,

  price = function(event, act)
    act.alert(("%s costs $%.3f/h now instead of $%.3f/h"):format(event.id, event.price, event.agreed))
    if event.price > event.agreed * 1.5 or event.spent > MOST then
      act.stop("too dear")
    end
  end,

  spot_lost = function(_, act)
    act.restart()
  end,

  unproven = function(event, act)
    act.alert(("LOOK AT %s: %s may still bill: %s"):format(event.provider, event.id or event.token,
      event.reason))
  end,
}
