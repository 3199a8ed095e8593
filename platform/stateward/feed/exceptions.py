"""What the feed refuses."""

from stateward.kernel.errors import Gone


class CursorExpired(Gone):
    """Changes are kept for a time, and that cursor is older, or of another history; begin at the
    oldest one.
    """

    code = "cursor_expired"
    title = "Cursor too old"
