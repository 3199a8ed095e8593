"""What handling subject requests refuses."""

from __future__ import annotations

from stateward.kernel.errors import Conflict


class DeclaredAlready(Conflict):
    """These identifiers are declared there already."""

    code, title = "subject_declared", "Declared already"


class TooManyDeclarations(Conflict):
    """The tenant has as many subject declarations as allowed; remove one first."""

    code, title = "too_many_subject_declarations", "Too many declarations"


class RequestOver(Conflict):
    """This subject request is answered, refused or withdrawn."""

    code, title = "subject_request_over", "Request over"


class ExtendedAlready(Conflict):
    """The answer was put off once; a second time is not allowed."""

    code, title = "subject_request_extended", "Extended already"


class StillSearching(Conflict):
    """The subject index has not come to the time of this request yet; ask again in a minute."""

    code, title = "subject_search_incomplete", "Still searching"


class UnderWay(Conflict):
    """This request is being carried out."""

    code, title = "subject_request_under_way", "Under way"


class WrongKind(Conflict):
    """That is not what this request asks for."""

    code, title = "subject_request_kind", "Another kind of request"


class NothingRestricted(Conflict):
    """This request restricts nothing now."""

    code, title = "nothing_restricted", "Nothing restricted"
