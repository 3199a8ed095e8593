"""What of delivery goes into a tenant's backup: nothing. Routes carry secrets and addresses that a
restored copy must not send to by itself.
"""

from stateward.kernel.governed import leave_out

leave_out("stateward_alert_route", "a restored copy tells nobody before somebody says whom")
leave_out("stateward_alert_delivery", "what was sent, of the installation that sent it")
leave_out("stateward_alert_told", "which alerts a route was told of; routes begin anew")
