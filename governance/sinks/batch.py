"""What travels to a sink at once, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Line:
    """One record as the sink's format has it: one line, without its end."""

    index: int
    at: datetime
    is_denied: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Neighbouring records, and the newest checkpoint where it is due.

    ``id`` is the same each time this stretch is sent. ``checkpoint`` is the signed note.
    """

    id: str
    tenant_id: UUID
    tenant: str  # the slug
    start: int
    stop: int
    lines: tuple[Line, ...]
    heading: bytes = b""  # the first line of a file of this format
    checkpoint: str | None = None
    checkpoint_size: int = 0
    checkpoint_line: bytes = b""
    content_type: str = "application/x-ndjson"
    suffix: str = "ndjson"
    at: datetime | None = None

    @property
    def body(self) -> bytes:
        """All of it as one document."""
        parts = [one.content for one in self.lines]
        if self.heading:
            parts.insert(0, self.heading)
        if self.checkpoint_line:
            parts.append(self.checkpoint_line)
        return b"".join(part + b"\n" for part in parts)


@dataclass(frozen=True, slots=True)
class Sent:
    """``said`` is a sentence of ours without addresses or secrets; ``noticed`` something that the
    tenant should know although all went well.
    """

    is_taken: bool
    said: str
    answer: str = ""
    is_gone: bool = False
    retry_after: timedelta | None = None
    noticed: str = ""
