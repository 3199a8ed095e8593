"""What managing people and agents refuses."""

from stateward.kernel.errors import Conflict, Forbidden, Gone, Unprocessable


class AboveOwnRights(Forbidden):
    """Nobody grants more than they hold."""

    code, title = "above_own_rights", "More than you hold"


class OwnMembership(Forbidden):
    """Nobody changes their own roles, suspends or removes themselves; ask another owner or
    admin.
    """

    code, title = "own_membership", "Your own membership"


class LastOwner(Conflict):
    """A tenant keeps at least one active owner; make someone else an owner first."""

    code, title = "last_owner", "The last owner stays"


class SlugTaken(Conflict):
    """A tenant of this slug exists already."""

    code, title = "slug_taken", "Slug taken"


class NameTaken(Conflict):
    """An agent of this name exists already in this tenant."""

    code, title = "name_taken", "Name taken"


class AlreadyMember(Conflict):
    """This person is a member of the tenant already."""

    code, title = "already_member", "Already a member"


class AgentRetired(Conflict):
    """This agent is retired; a retired agent does not come back."""

    code, title = "agent_retired", "Agent retired"


class CredentialEnded(Conflict):
    """This credential has ended or is being replaced already."""

    code, title = "credential_ended", "Credential ended"


class TooManyCredentials(Conflict):
    """This holder has as many working credentials as allowed; revoke one first."""

    code, title = "too_many_credentials", "Too many credentials"


class LinkSpent(Gone):
    """This link is not valid any more: it was used, withdrawn or replaced, or its time is over."""

    code, title = "link_spent", "Link not valid"


class SignInFirst(Conflict):
    """There is an account for this address already: sign in with it, then open the link again."""

    code, title = "sign_in_first", "Sign in first"


class NotClosed(Conflict):
    """The tenant is not closed."""

    code, title = "tenant_not_closed", "Tenant not closed"


class SecondPersonNeeded(Forbidden):
    """Deleting a tenant takes two people: another owner, or the platform's operator, approves
    it.
    """

    code, title = "second_person_needed", "A second person is needed"


class OperatorsOnly(Forbidden):
    """Only an operator of the platform may do this."""

    code, title = "operators_only", "Operators only"


class Unfit(Unprocessable):
    """A value is not acceptable."""

    code, title = "unfit", "Value not acceptable"


class PeopleOnly(Forbidden):
    """Only a person may do this, not a program."""

    code, title = "people_only", "People only"
