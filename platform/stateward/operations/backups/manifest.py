"""What an archive says it is: one signed JSON object beside its parts.

    manifest.json      this, signed
    keys.json          the wrapped keys, nothing else
    people.part        who the members are
    <table>.part       one for each table

Format 1 is all there is; a reader refuses every other, and says which it reads.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import orjson

from stateward.kernel.clock import parse_rfc3339, rfc3339
from stateward.kernel.errors import StatewardError
from stateward.kernel.strictjson import loads
from stateward.operations.backups.exceptions import ArchiveRefused
from stateward.operations.backups.signing import is_signed, key_id, public_key, sign

FORMAT = 1
MANIFEST = "manifest.json"
KEYS = "keys.json"
PEOPLE = "people.part"
MOST_BYTES = 4 << 20
_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}\.(?:part|json)")

Kind = Literal["keys", "people", "table"]


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the archive. ``columns`` are pairs of name and type, for tables."""

    name: str
    kind: Kind
    bytes: int
    sha256: str
    rows: int = 0
    table: str = ""
    columns: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "rows": self.rows,
        }
        if self.kind == "table":
            body |= {"table": self.table, "columns": [list(pair) for pair in self.columns]}
        return body


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole archive. ``checkpoint`` is the newest seal within it, as a signed note."""

    archive: UUID
    tenant_id: UUID
    slug: str
    name: str
    origin: str
    taken_at: datetime
    version: str
    root_key: str
    entries: int
    checkpoint: dict[str, Any] | None
    parts: tuple[Part, ...]
    key: bytes = b""

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts if part.kind == "table")

    @property
    def size(self) -> int:
        """Bytes of all parts, without the manifest."""
        return sum(part.bytes for part in self.parts)

    @property
    def tables(self) -> dict[str, Part]:
        return {part.table: part for part in self.parts if part.kind == "table"}

    def content(self) -> dict[str, Any]:
        total = sha256("".join(f"{p.sha256}  {p.name}\n" for p in self.parts).encode())
        return {
            "format": FORMAT,
            "kind": "stateward tenant backup",
            "archive": str(self.archive),
            "tenant": {"id": str(self.tenant_id), "slug": self.slug, "name": self.name},
            "origin": self.origin,
            "taken_at": rfc3339(self.taken_at),
            "version": self.version,
            "root_key": self.root_key,
            "entries": self.entries,
            "checkpoint": self.checkpoint,
            "parts": [part.as_json() for part in self.parts],
            "sha256": total.hexdigest(),
            "key": b64encode(public_key()).decode(),
            "key_id": key_id(public_key()),
        }

    def signed(self) -> bytes:
        """The file."""
        content = self.content()
        signature = b64encode(sign(_canonical(content))).decode()
        return _canonical(content | {"signature": signature}) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """The manifest, if this installation signed it. ArchiveRefused says what is wrong with it."""
    content = _parsed(data)
    found = content.get("format")
    if content.get("kind") != "stateward tenant backup" or not isinstance(found, int):
        raise _refused("it is not the manifest of a backup")
    if found != FORMAT:
        age = "a newer" if found > FORMAT else "an older"
        raise _refused(f"it is of {age} format ({found}); this version reads format {FORMAT}")
    try:
        signature = b64decode(str(content.pop("signature", "")), validate=True)
        is_ours = is_signed(_canonical(content), signature)
    except (ValueError, TypeError):  # not base64; a number that no writer of ours writes
        is_ours = False
    if not is_ours:
        raise _refused(
            "its signature is not of this installation: it was edited, or made under another "
            f"root key (it names {str(content.get('root_key'))[:16]})"
        )
    try:
        return _manifest(content)
    except (KeyError, TypeError, ValueError, AttributeError, StatewardError):
        raise _refused("it lacks what a manifest says") from None


def check_names(manifest: Manifest) -> None:
    """Raise ArchiveRefused unless every part has a name of ours, once."""
    names = [part.name for part in manifest.parts]
    for name in names:
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise ArchiveRefused(repr(name)[:90], "that is not the name of a part")
    if len(set(names)) != len(names):
        raise _refused("it names a part twice")


def _manifest(content: dict[str, Any]) -> Manifest:
    tenant = content["tenant"]
    return Manifest(
        archive=UUID(content["archive"]),
        tenant_id=UUID(tenant["id"]),
        slug=tenant["slug"],
        name=tenant["name"],
        origin=content["origin"],
        taken_at=parse_rfc3339(content["taken_at"]),
        version=content["version"],
        root_key=content["root_key"],
        entries=content["entries"],
        checkpoint=content["checkpoint"],
        parts=tuple(
            Part(
                name=part["name"],
                kind=part["kind"],
                bytes=part["bytes"],
                sha256=part["sha256"],
                rows=part["rows"],
                table=part.get("table", ""),
                columns=tuple((name, kind) for name, kind in part.get("columns", [])),
            )
            for part in content["parts"]
        ),
        key=b64decode(content["key"]),
    )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        content = loads(data)
    except StatewardError:
        raise _refused("it is not JSON as this installation writes it") from None
    if not isinstance(content, dict):
        raise _refused("it is not the manifest of a backup")
    return content


def _canonical(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _refused(why: str) -> ArchiveRefused:
    return ArchiveRefused(MANIFEST, why)
