"""A run of smolagents is kept step by step, and goes on in another process as if nothing had
happened.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from smolagents import ToolCallingAgent
from smolagents.memory import ActionStep, FinalAnswerStep, PlanningStep, TaskStep
from smolagents.models import (
    ChatMessage,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
)
from smolagents.monitoring import LogLevel
from smolagents.utils import AgentGenerationError

from agents_bridge import Client
from agents_bridge.smolagents import (
    DifferentAgent,
    NoSuchRun,
    RunExists,
    RunMovedOn,
    StepRecorder,
    load_steps,
    resume,
    state_tools,
)
from tests.bridge.real_server import new_namespace
from tests.bridge.smol_agent import SCRIPT, TASK, Scripted, build, messages
from tests.e2e.shared_stack import SharedStack, shared_stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.xdist_group("shared_stack"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stack() -> SharedStack:
    return shared_stack()


@pytest.fixture(scope="module")
def namespace(stack: SharedStack) -> str:
    return new_namespace(stack)


@pytest.fixture
def client(stack: SharedStack) -> Iterator[Client]:
    with Client(stack.url, stack.builder) as client:
        yield client


@pytest.fixture
def run_id() -> str:
    return f"report/{uuid4().hex}"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """There already: the fragile tool lives."""
    path = tmp_path / "marker"
    path.touch()
    return path


class Died(BaseException):
    """Ends a run as a kill would, without ending the tests."""


def dies_at(step_number: int, kind: type = ActionStep) -> Callable[..., None]:
    """A callback that ends the process' part of a run before this step is recorded."""

    def die(step: Any, agent: Any) -> None:
        if isinstance(step, kind) and getattr(step, "step_number", 0) == step_number:
            raise Died

    return die


def process(how: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bridge.smol_agent", how, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_killed_run_ends_in_another_process_as_an_unbroken_one_does(
    stack: SharedStack, client: Client, namespace: str, run_id: str, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    place = (stack.url, stack.builder, namespace, run_id, marker)
    killed = process("run", *place)
    recorded = load_steps(client, namespace=namespace, run_id=run_id)

    resumed = process("resume", *place)
    agent = build(marker, client, namespace)
    answer = StepRecorder(client, namespace=namespace, run_id=f"{run_id}-b").run(agent, TASK)

    assert killed.returncode == -9
    assert [type(step) for step in recorded] == [TaskStep, *[ActionStep] * 3]
    assert resumed.returncode == 0, resumed.stderr
    unbroken = {"answer": answer, "messages": json.loads(json.dumps(messages(agent)))}
    assert json.loads(resumed.stdout) == unbroken
    assert answer == 62


def test_the_record_says_what_a_reader_asks(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    recorder.run(build(marker, client, namespace), TASK)
    listing = client.entries.list(namespace, prefix=recorder.prefix)
    found = {entry.key.removeprefix(recorder.prefix): entry.value for entry in listing}

    head = found["run"]
    steps = [value for key, value in found.items() if key.startswith("step:")]
    assert (head["status"], head["output"]["json"], head["model"]) == ("finished", 62, "scripted-1")
    assert [step["kind"] for step in steps] == ["TaskStep", *["ActionStep"] * 5]
    assert [step["error"] for step in steps][2] == "AgentExecutionError"
    assert all(step["smolagents"] and step["model"] == "scripted-1" for step in steps)
    assert steps[1]["duration_seconds"] >= 0
    assert steps[1]["variables"] == {"x": 20, "names": ["a", "b"]}


def test_the_audit_shows_the_run(
    stack: SharedStack, client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id, purpose="report")
    recorder.run(build(marker, client, namespace), TASK)
    with stack.admin() as admin:
        records = list(admin.audit.search(in_run=run_id))

    assert len(records) == 9  # the run twice, six steps, one picture
    assert {record.action for record in records} == {"state.write"}


def test_rebuilt_steps_make_the_same_messages(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    agent = build(marker, client, namespace, planning_interval=2)
    StepRecorder(client, namespace=namespace, run_id=run_id).run(agent, TASK)
    before = messages(agent)

    agent.memory.steps = load_steps(client, namespace=namespace, run_id=run_id)

    assert messages(agent) == before
    assert any(part[0] == "image" for _, parts in before for part in parts)
    assert [type(step).__name__ for step in agent.memory.steps].count("PlanningStep") == 3


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_plans_and_limits_hold_over_both_parts(
    client: Client, namespace: str, run_id: str, marker: Path, at: int
) -> None:
    unbroken = build(marker, client, namespace, planning_interval=2, max_steps=5)
    StepRecorder(client, namespace=namespace, run_id=f"{run_id}-b").run(unbroken, TASK)
    first = build(marker, client, namespace, planning_interval=2, max_steps=5)
    first.step_callbacks.register(ActionStep, dies_at(at))
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(first, TASK)

    second = build(marker, client, namespace, planning_interval=2, max_steps=5)
    answer = resume(second, run_id, client=client, namespace=namespace)

    assert answer == 62
    assert messages(second) == messages(unbroken)
    numbers = [step.step_number for step in second.memory.steps if isinstance(step, ActionStep)]
    assert numbers == [1, 2, 3, 4, 5]
    assert type(second) is type(first)


def test_a_run_that_died_before_its_first_step_begins_again(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace)
    first.step_callbacks.register(ActionStep, dies_at(1))
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(
            first, TASK, additional_args={"depth": 3}
        )
    kept = load_steps(client, namespace=namespace, run_id=run_id)

    second = build(marker, client, namespace)

    assert kept == []
    assert resume(second, run_id, client=client, namespace=namespace) == 62
    assert "depth" in second.memory.steps[0].task
    assert second.state["depth"] == 3


def test_running_out_of_steps_is_the_same_in_two_parts(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    unbroken = build(marker, client, namespace, max_steps=2)
    StepRecorder(client, namespace=namespace, run_id=f"{run_id}-b").run(unbroken, TASK)
    first = build(marker, client, namespace, max_steps=2)
    first.step_callbacks.register(ActionStep, dies_at(3))  # the step that would say so
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(first, TASK)

    second = build(marker, client, namespace, max_steps=2)
    answer = resume(second, run_id, client=client, namespace=namespace)

    assert messages(second) == messages(unbroken)
    assert answer == SCRIPT[2]
    assert resume(build(marker, client, namespace), run_id, client=client, namespace=namespace)


def test_a_run_that_died_between_its_last_step_and_its_answer_is_ended(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace)
    first.step_callbacks.register(FinalAnswerStep, dies_at(0, FinalAnswerStep))
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    with pytest.raises(Died):
        recorder.run(first, TASK)
    model = Scripted(())

    again = build(marker, client, namespace, model=model)

    assert resume(again, run_id, client=client, namespace=namespace) == 62
    assert recorder.load()["status"] == "finished"
    assert model.asked == []


def test_an_ended_run_is_answered_without_the_model(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    StepRecorder(client, namespace=namespace, run_id=run_id).run(
        build(marker, client, namespace), TASK
    )
    model = Scripted(())

    again = build(marker, client, namespace, model=model)

    assert resume(again, run_id, client=client, namespace=namespace) == 62
    assert model.asked == []


def test_a_second_task_of_a_run_can_be_continued_too(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace)
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    recorder.run(first, TASK)
    first.model = Scripted((*SCRIPT, "Thought: more\n<code>\nz = x + 1\n</code>", "Thought: lost"))
    first.step_callbacks._callbacks[ActionStep].insert(0, dies_at(2))
    with pytest.raises(Died):
        recorder.run(first, "One more.", reset=False)
    with pytest.raises(RunExists):
        recorder.run(first, "A new one.")

    last = "Thought: end\n<code>\nfinal_answer(z)\n</code>"
    second = build(marker, client, namespace, model=Scripted(("",) * 6 + (last,)))

    assert resume(second, run_id, client=client, namespace=namespace) == 21
    assert [step.task for step in second.memory.steps if isinstance(step, TaskStep)] == [
        TASK,
        "One more.",
    ]


def test_of_two_processes_that_continue_a_run_the_slower_stops(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace)
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)

    def overtake(step: Any, agent: Any) -> None:
        if step.step_number == 2:
            rival = build(marker, client, namespace)
            assert resume(rival, run_id, client=client, namespace=namespace) == 62

    first.step_callbacks.register(ActionStep, overtake)

    with pytest.raises(RunMovedOn):
        recorder.run(first, TASK)


def test_what_is_too_large_for_an_entry_lies_beside_it(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    text = "".join(chr(0x4E00 + number % 20_000) for number in range(120_000))
    task = f"Read this: {text}"
    noise = Image.frombytes("RGB", (500, 400), os.urandom(500 * 400 * 3))
    agent = build(marker, client, namespace)
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    recorder.run(agent, task, images=[noise])

    steps = load_steps(client, namespace=namespace, run_id=run_id)

    assert steps[0].task == task
    assert steps[0].task_images[0].tobytes() == noise.tobytes()
    assert client.entries.get(namespace, f"{recorder.prefix}step:000000").size_bytes < 2_000


def test_changed_content_is_noticed(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    recorder.run(build(marker, client, namespace), TASK)
    key = next(iter(client.entries.list(namespace, prefix=f"{recorder.prefix}blob:"))).key
    client.entries.put(namespace, key, {"media_type": "image/png", "base64": "AAAA"})

    with pytest.raises(ValueError, match="not what its hash says"):
        load_steps(client, namespace=namespace, run_id=run_id)


def test_an_agent_that_was_built_otherwise_is_noticed(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace)
    first.step_callbacks.register(ActionStep, dies_at(2))
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(first, TASK)
    other = build(marker, client, namespace, instructions="Be brief.")

    with pytest.raises(DifferentAgent):
        resume(other, run_id, client=client, namespace=namespace)
    assert resume(other, run_id, client=client, namespace=namespace, strict=False) == 62


def test_ids_are_taken_once_and_must_exist(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    agent = build(marker, client, namespace)
    with pytest.raises(NoSuchRun):
        resume(agent, run_id, client=client, namespace=namespace)
    StepRecorder(client, namespace=namespace, run_id=run_id).run(agent, TASK)

    with pytest.raises(RunExists):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(agent, TASK)
    with pytest.raises(NoSuchRun):
        StepRecorder(client, namespace=namespace, run_id=f"{run_id}-c").finish("x")


def test_callbacks_alone_record_too(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    agent = build(marker, client, namespace)
    for kind, callback in recorder.callbacks.items():
        agent.step_callbacks.register(kind, callback)
    recorder.attach(agent)  # once is enough

    agent.run(TASK)

    assert len(load_steps(client, namespace=namespace, run_id=run_id)) == 6


class Down(Scripted):
    """A model that cannot be reached at its third answer."""

    def generate(self, messages: list[ChatMessage], **options: Any) -> ChatMessage:
        if len(self.asked) == 2:
            raise ConnectionError("no model")
        return super().generate(messages, **options)


def test_a_step_that_an_exception_ends_is_done_again(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    first = build(marker, client, namespace, model=Down())
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    try:
        raise KeyError  # whoever runs agents from an error's handler loses nothing by it
    except KeyError:
        with pytest.raises(AgentGenerationError):
            recorder.run(first, TASK)
    kept = load_steps(client, namespace=namespace, run_id=run_id)

    second = build(marker, client, namespace)

    assert len(kept) == 3
    assert resume(second, run_id, client=client, namespace=namespace) == 62


class CallsTools(Scripted):
    """Answers with calls of tools instead of code."""

    def generate(self, messages: list[ChatMessage], **options: Any) -> ChatMessage:
        done = sum(message.role == MessageRole.TOOL_CALL for message in messages)
        name, arguments = self.script[done]
        function = ChatMessageToolCallFunction(arguments, name)
        call = ChatMessageToolCall(function=function, id=f"call_{done}", type="function")
        return ChatMessage(MessageRole.ASSISTANT, "", [call])


def calling(client: Client, namespace: str) -> ToolCallingAgent:
    arguments = {"namespace": namespace, "key": "seat"}
    script: Any = (
        ("state_put", {**arguments, "value": {"row": 12}}),
        ("state_get", arguments),
        ("state_get", {**arguments, "namespace": "elsewhere"}),
        ("final_answer", {"answer": "row 12"}),
    )
    return ToolCallingAgent(
        tools=state_tools(client, [namespace], tools=["state_get", "state_put"]),
        model=CallsTools(script),
        verbosity_level=LogLevel.OFF,
    )


@pytest.mark.parametrize("at", [2, 3, 4])
def test_an_agent_that_calls_tools_uses_state_and_goes_on(
    client: Client, namespace: str, run_id: str, at: int
) -> None:
    unbroken = calling(client, namespace)
    StepRecorder(client, namespace=namespace, run_id=f"{run_id}-b").run(unbroken, TASK)
    first = calling(client, namespace)
    first.step_callbacks.register(ActionStep, dies_at(at))
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(first, TASK)

    second = calling(client, namespace)
    answer = resume(second, run_id, client=client, namespace=namespace)

    assert answer == "row 12"
    assert client.entries.get(namespace, "seat").value == {"row": 12}
    said = [str(step.observations) for step in second.memory.steps if isinstance(step, ActionStep)]
    assert "'row': 12" in said[1]
    assert "namespace must be one of" in said[2]
    roles = [role for role, _ in messages(second)]
    assert roles == [role for role, _ in messages(unbroken)]


def test_planning_steps_are_recorded_before_the_action_fails(
    client: Client, namespace: str, run_id: str, marker: Path
) -> None:
    agent = build(marker, client, namespace, planning_interval=3)
    agent.step_callbacks.register(ActionStep, dies_at(1))
    with pytest.raises(Died):
        StepRecorder(client, namespace=namespace, run_id=run_id).run(agent, TASK)

    kept = load_steps(client, namespace=namespace, run_id=run_id)

    assert [type(step) for step in kept] == [TaskStep, PlanningStep]
    assert "One, then two." in kept[1].plan
