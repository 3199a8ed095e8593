"""Steps as JSON and back: nothing that a message is made of is lost."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from smolagents import utils
from smolagents.agent_types import AgentImage, AgentText
from smolagents.memory import ActionStep, FinalAnswerStep, PlanningStep, TaskStep, ToolCall
from smolagents.models import ChatMessage, ChatMessageToolCall, ChatMessageToolCallFunction
from smolagents.models import MessageRole as Role
from smolagents.monitoring import AgentLogger, LogLevel, Timing, TokenUsage

from agents_bridge.smolagents._encoding import (
    MOST_TEXT,
    decode_step,
    decode_text,
    decode_value,
    encode_step,
    encode_text,
    encode_value,
    is_plain,
    plain,
)

QUIET = AgentLogger(level=LogLevel.OFF)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=12,
)
ANYTHING = st.recursive(
    st.none() | st.text() | st.floats() | st.binary() | st.complex_numbers() | st.integers(),
    lambda inner: (
        st.tuples(inner, inner) | st.dictionaries(st.integers(), inner) | st.sets(st.text())
    ),
    max_leaves=6,
)


class Shelf:
    """Keeps blobs in memory."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def keep(self, content: bytes, media_type: str) -> dict[str, Any]:
        self.kept.append(content)
        return {"$blob": len(self.kept) - 1}

    def fetch(self, reference: dict[str, Any]) -> bytes:
        return self.kept[reference["$blob"]]


def there_and_back(step: Any) -> Any:
    shelf = Shelf()
    return decode_step(json.loads(json.dumps(encode_step(step, shelf.keep))), shelf.fetch)


def action(**fields: Any) -> ActionStep:
    return ActionStep(step_number=1, timing=Timing(1.0, 2.5), **fields)


@given(JSON)
def test_what_json_has_stays_as_it_is(value: Any) -> None:
    assert is_plain(value)
    assert plain(value) == value


@given(ANYTHING)
def test_everything_else_becomes_json_of_some_kind(value: Any) -> None:
    shown = plain(value)

    json.dumps(shown, allow_nan=False).encode()
    assert is_plain(shown)


@pytest.mark.parametrize(
    "value",
    [(1,), {1: 2}, {"a"}, b"x", math.nan, "\0", "\ud800", object(), [[(1,)]], True + 1j],
    ids=["tuple", "number-key", "set", "bytes", "nan", "nul", "half", "object", "deep", "complex"],
)
def test_what_json_does_not_have_is_told_apart(value: Any) -> None:
    assert not is_plain(value)


@given(JSON, st.text("ab{}[]", max_size=6))
def test_tool_calls_show_the_same_in_messages(arguments: Any, text: str) -> None:
    calls = [
        ToolCall("put", arguments, "c1"),
        ToolCall("put", {"text": text, "more": (1, 2)}, "c2"),
    ]
    step = action(tool_calls=calls)

    assert there_and_back(step).to_messages() == step.to_messages()


@pytest.mark.parametrize(
    "step",
    [
        action(),
        action(tool_calls=[]),
        action(model_output="Thought: é 😀", code_action="x = 1", observations="20"),
        action(
            observations="", token_usage=TokenUsage(3, 4), is_final_answer=True, action_output=7
        ),
        action(error=utils.AgentToolCallError("no such tool", QUIET)),
        action(
            error=utils.AgentParsingError("no code", QUIET),
            tool_calls=[ToolCall("a", {}, "c1")],
        ),
        PlanningStep([], ChatMessage(Role.ASSISTANT, "plan"), "1. one", Timing(1.0, 2.0)),
        TaskStep("do it"),
    ],
    ids=["bare", "no-calls", "said", "final", "error", "error-of-a-call", "plan", "task"],
)
def test_a_step_makes_the_same_messages(step: Any) -> None:
    again = there_and_back(step)

    assert type(again) is type(step)
    assert again.to_messages() == step.to_messages()
    assert again.to_messages(summary_mode=True) == step.to_messages(summary_mode=True)


def test_a_message_keeps_its_tool_calls() -> None:
    function = ChatMessageToolCallFunction({"key": "k"}, "state_get")
    call = ChatMessageToolCall(function=function, id="c1", type="function")
    message = ChatMessage(Role.ASSISTANT, [{"type": "text", "text": "x"}], [call], raw=object())

    again = there_and_back(action(model_output_message=message)).model_output_message

    assert (again.role, again.content, again.tool_calls) == (
        Role.ASSISTANT,
        message.content,
        [call],
    )


def test_an_error_that_this_version_does_not_know_is_the_general_one() -> None:
    document = encode_step(action(error=utils.AgentError("x", QUIET)), Shelf().keep)
    document["error"]["type"] = "AgentWeatherError"
    strange = {**document, "error": {"type": "make_json_serializable", "message": "x"}}

    for one in (document, strange):
        again = decode_step(one, Shelf().fetch)
        assert isinstance(again, ActionStep)
        assert type(again.error) is utils.AgentError


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "HSV"])
def test_pictures_come_back(mode: str) -> None:
    image = Image.new("RGB", (4, 3), (200, 100, 50)).convert(mode)

    again = there_and_back(action(observations_images=[image])).observations_images[0]

    assert again.convert("RGB").tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AgentText("42"), "42"),
        ((1, 2), [1, 2]),
        ({"$blob": "mine"}, {"$blob": "mine"}),
        (None, None),
    ],
    ids=["text", "tuple", "a-dict-that-looks-like-ours", "none"],
)
def test_answers_come_back(value: Any, expected: Any) -> None:
    shelf = Shelf()

    assert decode_value(encode_value(value, shelf.keep), shelf.fetch) == expected


def test_an_answer_may_be_a_picture() -> None:
    shelf, image = Shelf(), Image.new("RGB", (2, 2), (1, 2, 3))

    again = decode_value(encode_value(AgentImage(image), shelf.keep), shelf.fetch)

    assert again.tobytes() == image.tobytes()


@pytest.mark.parametrize("text", ["short", "long " * MOST_TEXT], ids=["short", "long"])
def test_a_long_text_goes_aside(text: str) -> None:
    shelf = Shelf()
    document = encode_text(text, shelf.keep)

    assert decode_text(document, shelf.fetch) == text
    assert len(json.dumps(document)) < 100


def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(TypeError, match="FinalAnswerStep cannot be recorded"):
        encode_step(FinalAnswerStep(1), Shelf().keep)
    with pytest.raises(ValueError, match="unknown kind: 'dream'"):
        decode_step({"kind": "dream"}, Shelf().fetch)
