"""Why a caller is not let in."""

from stateward.kernel.errors import Forbidden, Malformed, Unauthenticated


class BadCredential(Unauthenticated):
    """The credential given is not valid."""

    # One sentence for unknown, mistyped, expired and revoked: none of them tells a guesser
    # anything.
    code = "bad_credential"

    def __init__(self) -> None:
        super().__init__(
            headers={"WWW-Authenticate": 'Bearer realm="stateward", error="invalid_token"'}
        )


class OtherTenant(Unauthenticated):
    """This credential belongs to another tenant than the one named."""


class NotActive(Forbidden):
    """The caller is known, but is not active."""

    code, title = "not_active", "Not active"


class CredentialInUrl(Malformed):
    """A credential must not travel in a URL, where logs and histories keep it. Send it as a header,
    and replace it now.
    """

    code, title = "credential_in_url", "Credential in the URL"
