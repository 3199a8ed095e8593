"""What giving and taking grants refuses."""

from stateward.kernel.errors import Conflict, Forbidden


class OwnGrant(Forbidden):
    """Nobody grants to themselves or to a group they are in, nor puts themselves into a group; ask
    another owner or admin.
    """

    code, title = "own_grant", "To yourself"


class AlreadyGranted(Conflict):
    """There is a grant that gives all of this already."""

    code, title = "already_granted", "Already granted"


class TooManyGrants(Conflict):
    """This tenant has as many grants as allowed; give one to a group instead of to each."""

    code, title = "too_many_grants", "Too many grants"


class TooManyGroups(Conflict):
    """This tenant has as many groups as allowed."""

    code, title = "too_many_groups", "Too many groups"


class GroupNameTaken(Conflict):
    """A group of this name exists already in this tenant."""

    code, title = "group_name_taken", "Name taken"
