"""How a batch gets to each kind of place. None raises for what the other side does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from governance.sinks.batch import Batch, Sent
from governance.sinks.carriers import bucket, file, syslog, webhook

Carry = Callable[[Mapping[str, Any], bytes, Batch], Sent]

CARRIERS: Mapping[str, Carry] = {
    "file": file.carry,
    "syslog": syslog.carry,
    "webhook": webhook.carry,
    "s3": bucket.carry,
}
