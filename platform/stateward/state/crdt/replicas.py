"""The server's replica of one key: a document, what it must still wait for, and its replica id.

The server writes each version under the one before, so it is one replica however many processes
there are: its id is drawn when the key begins and kept with the document. A key that is deleted and
begun anew is a new document with a new id.

An update may arrive before another one that it builds on. What cannot be used yet is kept as it
came, and tried again with each later one, so updates converge in any order.
"""

from __future__ import annotations

import secrets
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pycrdt import Array, Doc, Map, Text

from stateward.kernel.errors import Fault, TooLarge
from stateward.state.crdt.screening import ROOT, Screened, Unfit, clocks_of, screen
from stateward.state.exceptions import BadUpdate

FORMAT = 1
HEAD = struct.Struct(">BQI")  # format, replica id, bytes of the document
LENGTH = struct.Struct(">I")
MAX_STATE_BYTES = 4 * 1024 * 1024  # deleted text leaves little, but not nothing
MAX_PENDING = 64
MAX_PENDING_BYTES = 256 * 1024


@dataclass(slots=True)
class Replica:
    """A key's document as the server has it."""

    kind: str
    id: int
    document: Doc[Any] = field(init=False)
    pending: list[bytes] = field(default_factory=list)

    @classmethod
    def begin(cls, kind: str, name: int | None = None) -> Replica:
        """Of a key that is not there yet; under a new replica id unless one is given."""
        return cls(kind, name or secrets.randbits(32) or 1)

    @classmethod
    def load(cls, kind: str, state: bytes) -> Replica:
        """From what ``store`` gave."""
        form, name, size = HEAD.unpack_from(state)
        if form != FORMAT:
            raise AssertionError("a replica state of another format")
        replica = cls(kind, name)
        at = HEAD.size + size
        replica.document.apply_update(state[HEAD.size : at])
        while at < len(state):
            (size,) = LENGTH.unpack_from(state, at)
            at += LENGTH.size + size
            replica.pending.append(state[at - size : at])
        return replica

    def __post_init__(self) -> None:
        self.document = Doc(client_id=self.id)

    def store(self) -> bytes:
        """What is sealed beside the value. 413 where it has grown too large."""
        document = self.document.get_update()
        waiting = b"".join(LENGTH.pack(len(update)) + update for update in self.pending)
        state = HEAD.pack(FORMAT, self.id, len(document)) + document + waiting
        if len(state) > MAX_STATE_BYTES:
            raise TooLarge(
                f"The replica state has {len(state):,} bytes; at most {MAX_STATE_BYTES:,} are kept."
            )
        return state

    @property
    def clocks(self) -> dict[int, int]:
        """Up to where it knows each replica's changes."""
        return clocks_of(self.document.get_state())

    def merge(self, update: bytes) -> None:
        """Let in another replica's update. 422 ``bad_update`` where it is none of this kind."""
        try:
            reaches = screen(self.kind, update)
            if not reaches.is_ready(self.clocks):
                self._keep(update)
                return
            self._take_in(update, reaches)
        except Unfit as error:
            raise _bad_update(str(error)) from None
        self._take_in_what_waited()

    def _take_in(self, update: bytes, reaches: Screened) -> None:
        try:
            self.document.apply_update(update)
        except ValueError:  # pycrdt's, for what only the document itself can know
            raise Unfit("it does not fit the document") from None
        if not reaches.is_covered(self.clocks):
            raise Unfit("it builds on itself")

    def _take_in_what_waited(self) -> None:
        """One that is ready may make others so. The document is never given what it cannot use:
        what it would keep of that is not in the state it gives.
        """
        waiting = [(update, screen(self.kind, update)) for update in self.pending]
        while ready := [one for one in waiting if one[1].is_ready(self.clocks)]:
            for one in ready:
                waiting.remove(one)
                with suppress(Unfit):  # whoever sent it was told that it came, and no more
                    self._take_in(*one)
        self.pending = [update for update, _ in waiting]

    def _keep(self, update: bytes) -> None:
        if update in self.pending:
            return
        self.pending.append(update)
        if len(self.pending) > MAX_PENDING or sum(map(len, self.pending)) > MAX_PENDING_BYTES:
            raise TooLarge(
                "Too many updates wait for one that has not come.",
                errors=(Fault("/payload/update", "builds on changes that have not come"),),
            )

    def as_map(self) -> Map[Any]:
        root: Map[Any] = self.document.get(ROOT, type=Map)
        return root

    def as_array(self) -> Array[Any]:
        root: Array[Any] = self.document.get(ROOT, type=Array)
        return root

    def as_text(self) -> Text:
        root: Text = self.document.get(ROOT, type=Text)
        return root


def _bad_update(message: str) -> BadUpdate:
    return BadUpdate(
        f"The update is not accepted: {message}.", errors=(Fault("/payload/update", message),)
    )
