"""Continuing a run where its record ends, in another process.

smolagents can only begin a run: ``run()`` appends a task and counts steps from one. To go on in the
middle, with the very messages an uninterrupted run would have, the agent is for the time of the
call given a class of its own that (a) does not take the task a second time, (b) begins to count
where the record ends, so that the limit of steps and the planning interval hold over both
processes, and (c) does not plan again right after a plan.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from smolagents import MultiStepAgent
from smolagents.memory import ActionStep, MemoryStep, PlanningStep, TaskStep
from smolagents.utils import AgentMaxStepsError

from agents_bridge._client import Client
from agents_bridge.smolagents._encoding import decode_step, decode_text, decode_value
from agents_bridge.smolagents._exceptions import DifferentAgent
from agents_bridge.smolagents._recording import StepRecorder, prompt_hash


def resume(
    agent: MultiStepAgent,
    run_id: str,
    *,
    client: Client,
    namespace: str,
    purpose: str | None = None,
    strict: bool = True,
) -> Any:
    """Continue a recorded run to its end, and go on recording it; the answer is the run's.

    ``agent`` is built as in the first process. The step during which the first one died was not
    recorded and is done again, its tool calls included. A run that has ended is not run again: its
    answer is given. Raises NoSuchRun; DifferentAgent where the system prompt is another one, unless
    ``strict=False``.
    """
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id, purpose=purpose)
    head = recorder.load()
    if head["status"] == "finished":
        return decode_value(head["output"], recorder.blobs.fetch)
    if strict and head["system_prompt_sha256"] != prompt_hash(agent):
        raise DifferentAgent
    records = _records(recorder)
    recorder.went_to(len(records))
    recorder.attach(agent)
    steps = [_step(recorder, record) for record in records]
    if records:
        agent.state.update(records[-1]["variables"])
    if len(steps) == head["begins_at"]:  # it died before its first step was recorded
        agent.memory.steps = steps
        task = decode_text(head["task"], recorder.blobs.fetch)
        again = {"additional_args": head["additional_args"], "max_steps": head["max_steps"]}
        return recorder.watch(agent, task, {"reset": False, **again})
    return _continue(agent, recorder, steps, head["max_steps"])


def load_steps(client: Client, *, namespace: str, run_id: str) -> list[MemoryStep]:
    """The steps of a recorded run, as smolagents has them in ``agent.memory.steps``. NoSuchRun."""
    recorder = StepRecorder(client, namespace=namespace, run_id=run_id)
    recorder.load()
    return [_step(recorder, record) for record in _records(recorder)]


def _records(recorder: StepRecorder) -> list[dict[str, Any]]:
    listing = recorder.client.entries.list(recorder.namespace, prefix=f"{recorder.prefix}step:")
    return [entry.value for entry in listing]


def _step(recorder: StepRecorder, record: dict[str, Any]) -> MemoryStep:
    fetch = recorder.blobs.fetch
    document = record.get("step")
    if document is None:
        document = json.loads(fetch(record["step_blob"]))
    return decode_step(document, fetch)


def _continue(
    agent: MultiStepAgent, recorder: StepRecorder, steps: list[MemoryStep], max_steps: int
) -> Any:
    last = steps[-1]
    begin = max(number for number, step in enumerate(steps) if isinstance(step, TaskStep))
    task = cast(TaskStep, steps[begin])
    done = sum(isinstance(step, ActionStep) for step in steps[begin:])
    if isinstance(last, ActionStep) and _is_last(last):
        agent.memory.steps = steps
        recorder.finish(last.action_output)
        return last.action_output
    with _in_the_middle(agent, steps, done):
        if done >= max_steps:  # only the answer of one who ran out of steps is missing
            answer = agent._handle_max_steps_reached(task.task)
            recorder.finish(answer)
            return answer
        options = {"reset": False, "images": task.task_images, "max_steps": max_steps}
        return recorder.watch(agent, task.task, options)


def _is_last(step: ActionStep) -> bool:
    return step.is_final_answer or isinstance(step.error, AgentMaxStepsError)


class _Steps(list[MemoryStep]):
    """The steps so far. The first task appended is the one that is among them already."""

    has_task = False

    def append(self, step: MemoryStep) -> None:
        if isinstance(step, TaskStep) and not self.has_task:
            self.has_task = True
        else:
            super().append(step)


@contextmanager
def _in_the_middle(
    agent: MultiStepAgent, steps: list[MemoryStep], done: int
) -> Generator[None, None, None]:
    kind = type(agent)
    interval = agent.planning_interval
    counted = [done + 1]
    inner = agent.__dict__

    def count(self: MultiStepAgent, number: int) -> None:
        inner["step_number"] = counted.pop() if counted else number

    def planning(self: MultiStepAgent) -> int | None:
        return None if isinstance(self.memory.steps[-1], PlanningStep) else interval

    middle = {
        "step_number": property(lambda self: inner["step_number"], count),
        "planning_interval": property(planning),
    }
    agent.memory.steps = _Steps(steps)
    agent.step_number = done + 1
    agent.__class__ = type(kind.__name__, (kind,), middle)
    try:
        yield
    finally:
        agent.__class__ = kind
        agent.memory.steps = list(agent.memory.steps)
