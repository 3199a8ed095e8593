"""Transactions: several operations that happen together, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

from agents_bridge._models import OperationResult, Transacted
from agents_bridge._namespaces import namespace_path
from agents_bridge._session import Session
from agents_bridge._wire import UNSET, CallOptions, Flow, Unset, key_segment, members


class Transaction:
    """Up to 1,000 operations, put together here and sent by ``client.transactions.commit``.

    All happen at one time, or none does. ``namespace`` is where operations go that name no other.
    A key is written at most once; checks speak of it as it was before.

    >>> from agents_bridge import Transaction
    >>> _ = client.entries.put("notes", "balance", 10)
    >>> transfer = Transaction("notes")
    >>> _ = transfer.check("balance", if_match=1).put("receipt", {"amount": 7})
    >>> _ = transfer.put("balance", 3)
    >>> [(result.key, result.version) for result in client.transactions.commit(transfer).results]
    [('balance', 1), ('receipt', 1), ('balance', 2)]
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.operations: list[dict[str, Any]] = []
        """As they are sent."""

    def __len__(self) -> int:
        return len(self.operations)

    def put(
        self,
        key: str,
        value: Any,
        *,
        namespace: str | None = None,
        if_match: int | None = None,
        if_absent: bool = False,
        ttl_seconds: float | Unset | None = UNSET,
        labels: Mapping[str, str] | Unset | None = UNSET,
        note: str | None = None,
        fencing_token: int | None = None,
    ) -> Self:
        """Write the whole value; see ``client.entries.put``."""
        return self._add(
            "put", key, namespace, if_match, fencing_token,
            value=value, if_absent=if_absent or UNSET, ttl_seconds=ttl_seconds, labels=labels,
            note=_given(note),
        )  # fmt: skip

    def merge_patch(
        self,
        key: str,
        patch: Any,
        *,
        namespace: str | None = None,
        if_match: int | None = None,
        note: str | None = None,
        fencing_token: int | None = None,
    ) -> Self:
        """Change members of the value (RFC 7396)."""
        return self._add(
            "patch", key, namespace, if_match, fencing_token, merge_patch=patch, note=_given(note)
        )

    def json_patch(
        self,
        key: str,
        patch: Sequence[Mapping[str, Any]],
        *,
        namespace: str | None = None,
        if_match: int | None = None,
        note: str | None = None,
        fencing_token: int | None = None,
    ) -> Self:
        """Apply a JSON Patch (RFC 6902) to the value."""
        return self._add(
            "patch", key, namespace, if_match, fencing_token,
            json_patch=[*patch], note=_given(note),
        )  # fmt: skip

    def act(
        self,
        key: str,
        type: str,
        payload: Any,
        *,
        namespace: str | None = None,
        note: str | None = None,
        fencing_token: int | None = None,
    ) -> Self:
        """Do an action, in a namespace that changes through actions."""
        return self._add(
            "action", key, namespace, None, fencing_token,
            type=type, payload=payload, note=_given(note),
        )  # fmt: skip

    def delete(
        self,
        key: str,
        *,
        namespace: str | None = None,
        if_match: int | None = None,
        note: str | None = None,
        fencing_token: int | None = None,
    ) -> Self:
        """Delete the entry."""
        return self._add("delete", key, namespace, if_match, fencing_token, note=_given(note))

    def check(
        self,
        key: str,
        *,
        namespace: str | None = None,
        if_match: int | None = None,
        if_absent: bool = False,
        fencing_token: int | None = None,
    ) -> Self:
        """What must hold for the rest to happen: the version, that there is none, or that a lease
        still is the newest. Nothing is written under the key.
        """
        return self._add(
            "check", key, namespace, if_match, fencing_token, if_absent=if_absent or UNSET
        )

    def _add(
        self,
        op: str,
        key: str,
        namespace: str | None,
        if_match: int | None,
        fencing_token: int | None,
        **given: Any,
    ) -> Self:
        key_segment(key)  # refused here where no server would take it
        self.operations.append(
            members(
                op=op,
                key=key,
                namespace=_given(namespace),
                if_version=_given(if_match),
                fencing_token=_given(fencing_token),
                **given,
            )
        )
        return self


def commit(
    session: Session, transaction: Transaction, **options: Unpack[CallOptions]
) -> Flow[Transacted]:
    """Carry the transaction out: all of it, or nothing and an error that says which operation.

    The error's ``errors`` point below ``/operations/<n>``. Raises what the single calls raise:
    PreconditionFailed for a version or an absence that does not hold, Forbidden, SchemaViolation
    and so on.

    >>> from agents_bridge import Transaction
    >>> done = client.transactions.commit(
    ...     Transaction("notes").put("a", 1, if_absent=True).put("b", 2)
    ... )
    >>> [result.created for result in done.results]
    [True, True]
    """
    path = f"{namespace_path(transaction.namespace)}/transactions"
    body = {"operations": transaction.operations}
    response = yield from session.call("POST", path, options, body=body)
    document = response.document()
    return Transacted(
        results=tuple(OperationResult.build(each) for each in document.get("results", ())),
        replayed=response.headers.get("idempotency-replayed") == "true",
        consistency_token=response.headers.get("stateward-consistency-token"),
    )


def _given(value: Any) -> Any:
    return UNSET if value is None else value
