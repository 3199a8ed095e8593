"""An agent of smolagents that is built the same in every process, and a model that is scripted by
how far the conversation is.

``python -m tests.bridge.smol_agent run|resume URL KEY NAMESPACE RUN_ID MARKER`` prints the answer
and the messages of its memory as one JSON line. As long as there is no file MARKER, the tool
``fragile`` makes one and kills the process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from smolagents import CodeAgent, Model, Tool
from smolagents.models import ChatMessage, MessageRole
from smolagents.monitoring import LogLevel, TokenUsage

from agents_bridge import Client
from agents_bridge.smolagents import StepRecorder, resume, state_tools

TASK = "Add the parts."
SCRIPT = (
    "Thought: first\n<code>\nx = 20\nnames = ['a', 'b']\nprint('twenty')\n</code>",
    "Thought: an error\n<code>\nunknown_function(1)\n</code>",
    "Thought: look\n<code>\nsize = picture(3)\nprint(long_text())\n</code>",
    "Thought: now the fragile part\n<code>\ny = fragile(x)\nprint(y)\n</code>",
    "Thought: done\n<code>\nfinal_answer(x + y + len(names))\n</code>",
)


class Scripted(Model):  # type: ignore[misc]
    """Answers by the number of answers that the conversation holds already."""

    def __init__(self, script: tuple[str, ...] = SCRIPT, *, plan: str = "One, then two.") -> None:
        super().__init__(model_id="scripted-1")
        self.script = script
        self.plan = plan
        self.asked: list[list[ChatMessage]] = []

    def generate(self, messages: list[ChatMessage], **options: Any) -> ChatMessage:
        self.asked.append(messages)
        if "<end_plan>" in (options.get("stop_sequences") or ()):
            return ChatMessage(MessageRole.ASSISTANT, self.plan)
        said = sum(_is_answer(message) for message in messages)
        usage = TokenUsage(10, 5)
        return ChatMessage(MessageRole.ASSISTANT, self.script[said], token_usage=usage)


def _is_answer(message: ChatMessage) -> bool:
    if message.role != MessageRole.ASSISTANT:
        return False
    return "Thought:" in str(message.content)


class Fragile(Tool):  # type: ignore[misc]
    name = "fragile"
    description = "Answers the double, if it lives."
    inputs = {"number": {"type": "integer", "description": "a number"}}
    output_type = "integer"

    def __init__(self, marker: Path) -> None:
        self.marker = marker
        super().__init__()

    def forward(self, number: int) -> int:
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


class LongText(Tool):  # type: ignore[misc]
    name = "long_text"
    description = "Answers a long text."
    inputs: dict[str, Any] = {}
    output_type = "string"

    def forward(self) -> str:
        return "long " * 8_000


class Picture(Tool):  # type: ignore[misc]
    name = "picture"
    description = "Draws."
    inputs = {"size": {"type": "integer", "description": "pixels"}}
    output_type = "integer"

    def forward(self, size: int) -> int:
        return size


def show(step: Any, agent: Any) -> None:
    """As agents with a browser do: a picture is added to the step from a callback."""
    if step.step_number == 3:
        step.observations_images = [Image.new("RGB", (900, 700), (10, 20, 30))]


def build(marker: Path, client: Client, namespace: str, **options: Any) -> CodeAgent:
    tools = [Fragile(marker), LongText(), Picture(), *state_tools(client, [namespace])]
    return CodeAgent(
        tools=tools,
        model=options.pop("model", None) or Scripted(),
        step_callbacks=[show],
        verbosity_level=LogLevel.OFF,
        **options,
    )


def messages(agent: CodeAgent) -> list[Any]:
    """What the model would be shown next, with pictures as what they are made of."""
    return [
        [message.role.value, [_part(part) for part in message.content]]
        for message in agent.write_memory_to_messages()
    ]


def _part(part: dict[str, Any]) -> Any:
    if part["type"] == "image":
        image = part["image"]
        return ["image", image.mode, list(image.size), image.getpixel((0, 0))]
    return part["text"]


def main(how: str, url: str, key: str, namespace: str, run_id: str, marker: str) -> None:
    with Client(url, key) as client:
        agent = build(Path(marker), client, namespace)
        if how == "run":
            answer = StepRecorder(client, namespace=namespace, run_id=run_id).run(agent, TASK)
        else:
            answer = resume(agent, run_id, client=client, namespace=namespace)
        print(json.dumps({"answer": answer, "messages": messages(agent)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
