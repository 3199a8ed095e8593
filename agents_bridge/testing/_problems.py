"""How the fake server refuses."""

from __future__ import annotations

from typing import Any

_TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    415: "Unsupported media type",
    422: "Unprocessable content",
    428: "Precondition required",
    429: "Too many requests",
    501: "Not in the fake server",
    507: "Storage full",
}


class Refusal(Exception):
    """Becomes a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        pointer: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = more
        if pointer is not None:
            self.members["errors"] = [{"pointer": pointer, "message": detail}]

    def document(self, request_id: str) -> dict[str, Any]:
        return {
            "type": f"urn:stateward:problem:{self.code}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "instance": request_id,
            "code": self.code,
            **self.members,
        }


def not_found() -> Refusal:
    return Refusal(404, "not_found", "There is nothing here, or nothing you may know of.")


def malformed(message: str, pointer: str = "") -> Refusal:
    return Refusal(400, "malformed", message, pointer=pointer)


def unprocessable(message: str, pointer: str) -> Refusal:
    return Refusal(422, "unprocessable", message, pointer=pointer)


def precondition_failed(current_version: int | None) -> Refusal:
    return Refusal(
        412,
        "precondition_failed",
        "The version you named is not the current one.",
        current_version=current_version,
    )
