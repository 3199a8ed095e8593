"""The one model the operator has configured, and one question to it.

Where it is comes from the installation's settings and from nowhere else. Whatever goes wrong there
is one of two errors of ours, without a word of what the library or the endpoint said: either may
hold the address, the key or the question.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from django.conf import settings

from governance.assist.exceptions import AssistOff, ModelBusy, ModelUnavailable
from stateward.web.outgoing import Bounds, VettedTransport

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

MOST_ANSWER_TOKENS = 1_500
MOST_ANSWER_BYTES = 256 * 1024
AT_ONCE = 2  # of the console's four threads, which pages need too

logger = logging.getLogger("stateward.assist")
_places = threading.BoundedSemaphore(AT_ONCE)


class Reply(NamedTuple):
    """What the model said, and what it cost."""

    text: str
    model: str
    input_tokens: int
    output_tokens: int


def is_on() -> bool:
    """Whether the operator has configured a model."""
    return bool(settings.ASSIST_URL and settings.ASSIST_MODEL)


def require_on() -> None:
    if not is_on():
        raise AssistOff


@contextmanager
def place() -> Iterator[None]:
    """One of the few questions this process has under way at a time; ModelBusy (503) without."""
    if not _places.acquire(blocking=False):
        raise ModelBusy
    try:
        yield
    finally:
        _places.release()


@contextmanager
def conversation() -> Iterator[OpenAI]:
    """The library's client, for one question and its repair: bounded, and never retried by
    itself.

    The library is loaded with the first question: it is large, and most installations ask none.
    """
    library = import_module("openai")
    bounds = Bounds(MOST_ANSWER_BYTES, float(settings.ASSIST_SECONDS))
    transport = VettedTransport(listed=settings.ASSIST_PRIVATE_HOSTS, bounds=bounds)
    with httpx.Client(transport=transport, follow_redirects=False, trust_env=False) as client:
        # The library's newest versions name another type, and take this one like all before them.
        http: Any = client
        seconds: Any = httpx.Timeout(float(settings.ASSIST_SECONDS), connect=5.0)
        yield library.OpenAI(
            base_url=settings.ASSIST_URL,
            api_key=settings.ASSIST_API_KEY or "none",
            http_client=http,
            timeout=seconds,
            max_retries=0,
        )


def ask(client: OpenAI, messages: Sequence[ChatCompletionMessageParam]) -> Reply:
    """One question. ModelUnavailable (503) for every way in which no answer comes."""
    try:
        answer = client.chat.completions.create(
            model=settings.ASSIST_MODEL,
            messages=messages,
            max_completion_tokens=MOST_ANSWER_TOKENS,
            response_format={"type": "json_object"},
            temperature=0,
        )
        return _reply(answer)
    except Exception as error:
        # Whatever the library makes of a strange answer is no answer. The error itself is dropped
        # on purpose: it would end in the log with all it holds. Its kind is the operator's hint.
        status = getattr(error, "status_code", "no status")
        logger.warning("assist.unavailable: %s, %s", type(error).__name__, status)
        raise ModelUnavailable from None


def _reply(answer: ChatCompletion) -> Reply:
    """The parts of an answer; the library checks none of them, so the wrong type is an error."""
    text: Any = answer.choices[0].message.content
    if not isinstance(text, str):
        raise TypeError
    usage = answer.usage
    return Reply(
        text,
        str(answer.model)[:100],
        _count(usage.prompt_tokens) if usage else 0,
        _count(usage.completion_tokens) if usage else 0,
    )


def _count(number: Any) -> int:
    return min(max(int(number), 0), 10_000_000)
