"""What can be wrong with a wish about a run."""

from __future__ import annotations

from stateward.kernel.errors import Conflict


class OfThePlatform(Conflict):
    """This run serves all tenants: whoever runs the installation stops it, not a tenant."""

    code, title = "run_of_the_platform", "The platform's run"
