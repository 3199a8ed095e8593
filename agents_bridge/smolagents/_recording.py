"""Every step of a run as an entry, written as it happens.

Under the run's id lie: ``<run>:run``, what the run is and whether it has ended;
``<run>:step:000000`` and on, one for each step of the agent's memory, the task first;
``<run>:blob:<hash>:<part>``, images and whatever is too large for an entry.

A step is created under the condition that there is none of its number. So a step is recorded once,
however often it is sent, and of two processes that continue one run the slower is told so by
RunMovedOn and stops. A step that cannot be recorded ends the run: what is not on record did not
happen.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.metadata import version
from typing import Any

from smolagents import MultiStepAgent
from smolagents.memory import (
    ActionStep,
    FinalAnswerStep,
    MemoryStep,
    PlanningStep,
)

from agents_bridge._client import Client, ClientOptions
from agents_bridge._errors import NotFound, PreconditionFailed
from agents_bridge._keying import key_part
from agents_bridge._models import Entry
from agents_bridge.smolagents._blobs import Blobs
from agents_bridge.smolagents._encoding import (
    encode_step,
    encode_text,
    encode_value,
    is_plain,
    plain,
)
from agents_bridge.smolagents._exceptions import NoSuchRun, RunExists, RunMovedOn

MOST_INLINE = 256 * 1024
"""Bytes of JSON that a step's entry holds itself; a larger step lies in a blob beside it."""
_MOST_VARIABLES = 128 * 1024
_PREVIEW = 1_000


class StepRecorder:
    """Keeps a run: ``recorder.run(agent, task)``.

    ``StepRecorder(client, namespace="agent.runs", run_id="report-7")``. The calls carry the id as
    their run, so that the audit shows the run by it, and ``purpose`` where it is given. Instead of
    ``run`` the agent may be given ``step_callbacks=recorder.callbacks``; then a process that dies
    before the first step ends leaves no record.
    """

    def __init__(
        self, client: Client, *, namespace: str, run_id: str, purpose: str | None = None
    ) -> None:
        self.run_id = run_id
        self.namespace = namespace
        self.prefix = f"{key_part(run_id)}:"
        options: ClientOptions = {"run": run_id}
        if purpose is not None:
            options["purpose"] = purpose
        self.client = client.with_options(**options)
        self.blobs = Blobs(self.client, namespace, f"{self.prefix}blob:")
        self._entries = self.client.entries
        self._head: Entry | None = None
        self._recorded = 0
        self._outer: BaseException | None = None
        self._agent: MultiStepAgent | None = None
        self._latest: MemoryStep | None = None

    @property
    def callbacks(self) -> dict[type[MemoryStep], Any]:
        """For an agent's ``step_callbacks``."""
        return {ActionStep: self, PlanningStep: self, FinalAnswerStep: self}

    def attach(self, agent: MultiStepAgent) -> None:
        """Record what this agent does from now on; more than once is as once."""
        if self._agent is not agent:
            self._agent = agent
            for kind in self.callbacks:
                agent.step_callbacks.register(kind, self)

    def run(self, agent: MultiStepAgent, task: str, **options: Any) -> Any:
        """``agent.run(task, **options)``, recorded from before its first step. RunExists where the
        id is taken; a further task of this same run is given with ``reset=False``.
        """
        self.attach(agent)
        if self._head is None:
            self._begin(agent, task=task, options=options)
        elif options.get("reset", True):
            raise RunExists
        else:
            self._update(**self._beginning(agent, task, options))
        return self.watch(agent, task, options)

    def watch(self, agent: MultiStepAgent, task: str, options: dict[str, Any]) -> Any:
        """``agent.run``, telling the errors of its steps from one the caller is dealing with."""
        self._outer = sys.exc_info()[1]
        return agent.run(task, **options)

    def __call__(self, memory_step: MemoryStep, agent: MultiStepAgent) -> None:
        """What smolagents calls at the end of each step, also of one that an exception is just
        ending: such a step is not recorded, and is done again when the run is resumed.
        """
        if sys.exc_info()[1] not in (None, self._outer) or memory_step is self._latest:
            return
        self._latest = memory_step  # the agent may have been given the callbacks twice
        if self._head is None:
            self._begin(agent, task=agent.task or "", options={})
        if isinstance(memory_step, FinalAnswerStep):
            self.finish(memory_step.output)
            return
        steps = [*agent.memory.steps[self._recorded :], memory_step]
        for step in steps:
            self._record(step, agent)

    def finish(self, output: Any) -> None:
        """Note that the run has ended with this answer."""
        self._update(status="finished", output=encode_value(output, self.blobs.keep))

    def load(self) -> dict[str, Any]:
        """What the run is. NoSuchRun where nothing is recorded."""
        try:
            self._head = self._entries.get(self.namespace, f"{self.prefix}run")
        except NotFound:
            raise NoSuchRun from None
        return dict(self._head.value)

    def went_to(self, number: int) -> None:
        """So many steps are recorded; the next to be written comes after them."""
        self._recorded = number

    def _begin(self, agent: MultiStepAgent, *, task: str, options: dict[str, Any]) -> None:
        head = {
            **self._beginning(agent, task, options),
            "system_prompt_sha256": prompt_hash(agent),
            "agent": type(agent).__name__,
            "tools": sorted(agent.tools),
            **_model(agent),
        }
        try:
            self._head = self._entries.put(
                self.namespace, f"{self.prefix}run", head, if_none_match="*"
            )
        except PreconditionFailed:
            raise RunExists from None

    def _beginning(
        self, agent: MultiStepAgent, task: str, options: dict[str, Any]
    ) -> dict[str, Any]:
        """What must be known to begin this task again, should it die before its first step ends."""
        arguments = options.get("additional_args")
        return {
            "status": "running",
            "begins_at": self._recorded,
            "task": encode_text(task, self.blobs.keep),
            "additional_args": arguments if is_plain(arguments) else None,
            "max_steps": options.get("max_steps") or agent.max_steps,
        }

    def _update(self, **changes: Any) -> None:
        if self._head is None:
            raise NoSuchRun
        value = {**self._head.value, **changes}
        try:
            self._head = self._entries.put(
                self.namespace, self._head.key, value, if_match=self._head.version
            )
        except PreconditionFailed:
            raise RunMovedOn from None

    def _record(self, step: MemoryStep, agent: MultiStepAgent) -> None:
        number = self._recorded
        value = {"number": number, **_summary(step), **_model(agent), **_variables(agent)}
        document = encode_step(step, self.blobs.keep)
        content = json.dumps(document, ensure_ascii=False).encode()
        if len(content) > MOST_INLINE:
            value["begins"] = str(getattr(step, "observations", None) or "")[:_PREVIEW]
            value["step_blob"] = self.blobs.keep(content, "application/json")
        else:
            value["step"] = document
        try:
            self._entries.put(
                self.namespace, self._step_key(number), plain(value), if_none_match="*"
            )
        except PreconditionFailed:
            raise RunMovedOn from None
        self._recorded += 1

    def _step_key(self, number: int) -> str:
        return f"{self.prefix}step:{number:06d}"


def prompt_hash(agent: MultiStepAgent) -> str:
    """Stands for the system prompt, which holds the tools and instructions too."""
    return hashlib.sha256(agent.system_prompt.encode("utf-8", "replace")).hexdigest()


def _model(agent: MultiStepAgent) -> dict[str, Any]:
    """Which model, in which version of smolagents: EU AI Act and ISO 42001 ask for it."""
    return {
        "model": plain(getattr(agent.model, "model_id", None)),
        "model_class": type(agent.model).__name__,
        "smolagents": version("smolagents"),
    }


def _summary(step: MemoryStep) -> dict[str, Any]:
    """What a reader of the list wants to see without opening the step."""
    timing = getattr(step, "timing", None)
    error = getattr(step, "error", None)
    return {
        "kind": type(step).__name__,
        "duration_seconds": timing.duration if timing else None,
        "error": error.dict()["type"] if error else None,
    }


def _variables(agent: MultiStepAgent) -> dict[str, Any]:
    """What the code of the steps so far has left behind: the values that JSON has, and the names of
    the others, which another process will miss.
    """
    executor = getattr(agent, "python_executor", None)
    state = getattr(executor, "state", None)
    found = state if isinstance(state, dict) else agent.state
    own = {name: value for name, value in found.items() if not name.startswith("_")}
    kept = {name: value for name, value in own.items() if is_plain(value)}
    while kept and len(json.dumps(kept)) > _MOST_VARIABLES:
        kept.pop(max(kept, key=lambda name: len(json.dumps(kept[name]))))
    return {"variables": kept, "variables_left_out": sorted(own.keys() - kept.keys())}
