"""What delivery refuses."""

from stateward.kernel.errors import Conflict


class TooManyRoutes(Conflict):
    """A tenant has at most 20 routes."""

    code, title = "too_many_routes", "Too many routes"


class RouteNameTaken(Conflict):
    """A route of this name is there already."""

    code, title = "route_name_taken", "Name is taken"


class NotWaiting(Conflict):
    """Only what was given up is sent again."""

    code, title = "not_given_up", "Not given up"
