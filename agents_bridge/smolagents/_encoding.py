"""Steps of an agent's memory as JSON, and back: the messages that the rebuilt steps make are those
of the original ones.

Left out are the messages that went into the model (``model_input_messages``): they are what the
steps before make, and would store the whole memory again with every step.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

from PIL import Image
from smolagents import utils
from smolagents.agent_types import AgentImage
from smolagents.memory import ActionStep, MemoryStep, PlanningStep, TaskStep, ToolCall
from smolagents.models import ChatMessage
from smolagents.monitoring import AgentLogger, LogLevel, Timing, TokenUsage

Keep = Callable[[bytes, str], dict[str, Any]]
Fetch = Callable[[dict[str, Any]], bytes]

MOST_TEXT = 100_000
_PNG_MODES = frozenset({"1", "L", "LA", "I", "P", "RGB", "RGBA"})


def encode_step(step: MemoryStep, keep: Keep) -> dict[str, Any]:
    """The step as JSON; images go to ``keep``, which answers what stands for them."""
    if isinstance(step, TaskStep):
        return {"kind": "task", "task": plain(step.task), "images": _kept(step.task_images, keep)}
    if isinstance(step, PlanningStep):
        return {
            "kind": "planning",
            "plan": plain(step.plan),
            "message": _message(step.model_output_message),
            "timing": _timing(step.timing),
            "token_usage": _usage(step.token_usage),
        }
    if isinstance(step, ActionStep):
        return _encode_action(step, keep)
    raise TypeError(f"a step of kind {type(step).__name__} cannot be recorded")


def decode_step(document: dict[str, Any], fetch: Fetch) -> MemoryStep:
    """The step that ``encode_step`` wrote."""
    kind = document.get("kind")
    if kind == "task":
        return TaskStep(document["task"], _images(document["images"], fetch))
    if kind == "planning":
        return PlanningStep(
            model_input_messages=[],
            model_output_message=_message_of(document["message"]),
            plan=document["plan"],
            timing=Timing(*document["timing"]),
            token_usage=_usage_of(document["token_usage"]),
        )
    if kind == "action":
        return _decode_action(document, fetch)
    raise ValueError(f"the recorded step is of an unknown kind: {kind!r}")


def _encode_action(step: ActionStep, keep: Keep) -> dict[str, Any]:
    calls = step.tool_calls
    return {
        "kind": "action",
        "step_number": step.step_number,
        "timing": _timing(step.timing),
        "tool_calls": None if calls is None else [_tool_call(call) for call in calls],
        "error": None if step.error is None else plain(step.error.dict()),
        "message": _message(step.model_output_message),
        "model_output": plain(step.model_output),
        "code_action": plain(step.code_action),
        "observations": plain(step.observations),
        "images": _kept(step.observations_images, keep),
        "action_output": encode_value(step.action_output, keep),
        "token_usage": _usage(step.token_usage),
        "is_final_answer": step.is_final_answer,
    }


def _decode_action(document: dict[str, Any], fetch: Fetch) -> ActionStep:
    calls = document["tool_calls"]
    return ActionStep(
        step_number=document["step_number"],
        timing=Timing(*document["timing"]),
        tool_calls=None if calls is None else [ToolCall(**call) for call in calls],
        error=_error_of(document["error"]),
        model_output_message=_message_of(document["message"]),
        model_output=document["model_output"],
        code_action=document["code_action"],
        observations=document["observations"],
        observations_images=_images(document["images"], fetch),
        action_output=decode_value(document["action_output"], fetch),
        token_usage=_usage_of(document["token_usage"]),
        is_final_answer=document["is_final_answer"],
    )


def encode_value(value: Any, keep: Keep) -> dict[str, Any]:
    """A value of an agent's: JSON, or an image. Anything else as the text it prints as."""
    if isinstance(value, AgentImage):
        value = value.to_raw()
    if isinstance(value, Image.Image):
        return {"image": _image(value, keep)}
    return {"json": plain(value)}


def decode_value(document: dict[str, Any], fetch: Fetch) -> Any:
    return _image_of(document["image"], fetch) if "image" in document else document["json"]


def encode_text(text: str, keep: Keep) -> dict[str, Any]:
    """A text; a long one goes to ``keep``."""
    text = str(plain(text))
    if len(text) > MOST_TEXT:
        return {"blob": keep(text.encode(), "text/plain")}
    return {"text": text}


def decode_text(document: dict[str, Any], fetch: Fetch) -> str:
    return fetch(document["blob"]).decode() if "blob" in document else str(document["text"])


def plain(value: Any) -> Any:
    """The nearest JSON: the value itself wherever JSON has it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        # No entry takes U+0000 or half a surrogate pair.
        text = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace("\0", "\ufffd")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return plain(str(value))


def is_plain(value: Any) -> bool:
    """Whether JSON gives back exactly this value."""
    if value is None or type(value) in (bool, int):
        return True
    if type(value) is str:
        return bool(plain(value) == value)
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(is_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return False


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"name": plain(call.name), "arguments": _arguments(call), "id": plain(call.id)}


def _arguments(call: ToolCall) -> Any:
    if is_plain(call.arguments):
        return call.arguments
    return plain(utils.make_json_serializable(call.arguments))  # as the messages show them


def _timing(timing: Timing) -> list[float | None]:
    return [timing.start_time, timing.end_time]


def _usage(usage: TokenUsage | None) -> list[int] | None:
    return None if usage is None else [usage.input_tokens, usage.output_tokens]


def _usage_of(document: list[int] | None) -> TokenUsage | None:
    return None if document is None else TokenUsage(*document)


def _message(message: ChatMessage | None) -> dict[str, Any] | None:
    if message is None:
        return None
    calls = [
        {
            "id": call.id,
            "type": call.type,
            "function": {
                "name": call.function.name,
                "arguments": plain(call.function.arguments),
            },
        }
        for call in message.tool_calls or ()
    ]
    role = str(getattr(message.role, "value", message.role))
    return {"role": role, "content": plain(message.content), "tool_calls": calls or None}


def _message_of(document: dict[str, Any] | None) -> ChatMessage | None:
    return None if document is None else ChatMessage.from_dict(dict(document))


def _error_of(document: dict[str, str] | None) -> utils.AgentError | None:
    """An error of the same class; one this version does not know becomes the general one."""
    if document is None:
        return None
    kind = getattr(utils, document["type"], utils.AgentError)
    if not (isinstance(kind, type) and issubclass(kind, utils.AgentError)):
        kind = utils.AgentError
    # Making one logs it; that was done when it happened.
    return kind(document["message"], AgentLogger(level=LogLevel.OFF))


def _kept(images: list[Image.Image] | None, keep: Keep) -> list[dict[str, Any]] | None:
    return None if images is None else [_image(image, keep) for image in images]


def _images(references: list[dict[str, Any]] | None, fetch: Fetch) -> list[Image.Image] | None:
    return None if references is None else [_image_of(each, fetch) for each in references]


def _image(image: Image.Image, keep: Keep) -> dict[str, Any]:
    content = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(content, "PNG")
    return keep(content.getvalue(), "image/png")


def _image_of(reference: dict[str, Any], fetch: Fetch) -> Image.Image:
    image = Image.open(io.BytesIO(fetch(reference)))
    image.load()
    return image
