"""A model on a socket: speaks enough of OpenAI's protocol, and answers what a test has written."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "sk-the-key-of-the-endpoint-0123456789"

Script = Callable[[dict[str, Any]], Any]


class ModelServer:
    """``answers``: what is said next, one for each question; the last is said again. A dict is said
    as JSON, a text as it is; a callable is given the request's body, and may answer ``Raw``.
    """

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def texts(self) -> str:
        """All that was ever sent to it."""
        return json.dumps(self.asked, ensure_ascii=False)

    def document(self, number: int = -1) -> Any:
        """The JSON document of a question."""
        text = self.asked[number]["messages"][1]["content"]
        return json.loads(text[text.index("\n\n") + 2 :])

    def _next(self, body: dict[str, Any]) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(body) if callable(answer) else answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.asked.append(body)
                model.keys.append(self.headers.get("Authorization", ""))
                raw = answer_of(model._next(body))
                try:
                    self.send_response(raw.status)
                    for name, value in raw.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(raw.length or len(raw.body)))
                    self.end_headers()
                    for start in range(0, len(raw.body), raw.piece or len(raw.body) or 1):
                        time.sleep(raw.pause)
                        self.wfile.write(raw.body[start : start + (raw.piece or len(raw.body))])
                except OSError:
                    self.close_connection = True  # who asked has left

            def log_message(self, *arguments: object) -> None: ...

        return Handler

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Raw:
    """An answer byte for byte."""

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        piece: int = 0,
        pause: float = 0.0,
        length: int = 0,
        **headers: str,
    ) -> None:
        self.status, self.body, self.piece, self.pause = status, body, piece, pause
        self.length = length
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def answer_of(said: Any) -> Raw:
    if isinstance(said, Raw):
        return said
    text = said if isinstance(said, str) else json.dumps(said)
    document = {
        "id": "c1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return Raw(200, json.dumps(document).encode(), Content_Type="application/json")


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    thread = threading.Thread(target=server._server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
