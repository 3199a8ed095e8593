"""State tools as tools of smolagents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smolagents import Tool

from agents_bridge import _state_tools as state
from agents_bridge._client import Client


def state_tools(
    client: Client, namespaces: Sequence[str], *, tools: Sequence[str] | None = None
) -> list[Tool]:
    """Tools for ``CodeAgent(tools=...)`` or ``ToolCallingAgent(tools=...)`` on the namespaces you
    name. ``tools`` takes only some of them.

    >>> from agents_bridge.smolagents import state_tools
    >>> get, put, *_ = state_tools(client, ["notes"])
    >>> put(namespace="notes", key="seat", value={"row": 12})
    {'ok': True, 'key': 'seat', 'version': 1, 'created': True}
    >>> get(namespace="notes", key="seat")["value"]
    {'row': 12}
    >>> get(namespace="elsewhere", key="seat")["error"]["message"]
    'namespace must be one of: notes.'
    """
    allowed = state.checked_namespaces(namespaces)
    return [StateTool(client, tool, allowed) for tool in state.chosen(tools)]


class StateTool(Tool):  # type: ignore[misc]  # smolagents carries no types
    """One of the state tools. Answers a dict, also where the call was refused, so that the agent
    can read why.
    """

    output_type = "object"
    # The inputs differ by tool, so that ``forward`` takes what it is given.
    skip_forward_signature_validation = True

    def __init__(self, client: Client, tool: state.StateTool, namespaces: tuple[str, ...]) -> None:
        self.name = tool.name
        self.description = f"{tool.description} Answers a dict with 'ok'."
        self.inputs = dict(_input(parameter, namespaces) for parameter in tool.parameters)
        self._client, self._tool, self._namespaces = client, tool, namespaces
        super().__init__()

    def forward(self, **arguments: Any) -> dict[str, Any]:
        client = self._client
        return client.run(state.perform(client.session, self._tool, self._namespaces, arguments))


def _input(parameter: state.Parameter, namespaces: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    described = parameter.description
    if parameter.name == "namespace":
        described += f" One of: {', '.join(namespaces)}."
    taken: dict[str, Any] = {
        "type": "any" if parameter.kind == "json" else parameter.kind,
        "description": described,
    }
    if parameter.is_optional:
        taken["nullable"] = True
    return parameter.name, taken
