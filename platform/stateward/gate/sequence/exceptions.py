"""What can go wrong with order."""

from stateward.kernel.errors import StatewardError


class LeaseLost(StatewardError):
    """Another process holds the lease now; this one must stop what it was doing."""

    code = "lease_lost"
    title = "Lease lost"
