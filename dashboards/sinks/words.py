"""What people call sinks' kinds and conditions."""

from __future__ import annotations

from urllib.parse import urlsplit

from dashboards import figures
from governance.sinks.models import Sink
from governance.sinks.queries import Standing
from governance.sinks.where import MIB

KINDS = {"file": "File", "syslog": "Syslog", "webhook": "Webhook", "s3": "Bucket"}
HINTS = {
    "file": "On this machine, in the tenant's own folder; rotated by size.",
    "syslog": "RFC 5424, over TLS, TCP or UDP.",
    "webhook": "Signed messages, each with up to 500 records.",
    "s3": "S3, or anything that speaks it: one object a batch.",
}
FORMATS = {
    "ndjson": "NDJSON, the records as they are sealed",
    "ocsf": "OCSF, for what collects security events",
    "csv": "CSV, for people",
}
CONDITIONS = {
    "caught_up": ("ok", "Caught up"),
    "delivering": ("ok", "Delivering"),
    "late": ("warn", "Late"),
    "failing": ("bad", "Failing"),
    "paused": ("", "Paused"),
    "disabled": ("bad", "Disabled"),
}


def place_of(sink: Sink) -> str:
    """Where it leads, without what may be a secret in an address."""
    where = sink.settings
    if sink.kind == "file":
        return f"{where['file']}, rotated at {where['rotate_bytes'] // MIB:,} MiB"
    if sink.kind == "syslog":
        return f"{where['host']}:{where['port']} over {where['transport'].upper()}"
    if sink.kind == "webhook":
        return urlsplit(str(where["url"])).netloc
    return f"{where['bucket']} at {urlsplit(where['endpoint']).netloc}"


def said_of(found: list[Standing]) -> str:
    """The page's sentence."""
    if not found:
        return "Nowhere yet: whoever owns this database could rewrite the log and its seals unseen."
    noun = "1 place" if len(found) == 1 else f"{len(found)} places"
    troubled = [one for one in found if one.condition in {"late", "failing", "disabled"}]
    if not troubled:
        waits = max((one.lag for one in found), default=None)
        behind = sum(1 for one in found if one.behind)
        if not behind or waits is None:
            return f"Copied to {noun}; each has every sealed record."
        return f"Copied to {noun}; the slowest is {figures.span(waits)} behind."
    names = ", ".join(one.sink.name for one in troubled[:3])
    verb = "is" if len(troubled) == 1 else "are"
    return f"Copied to {noun}; {names} {verb} in trouble. What waits is kept, nothing is dropped."
