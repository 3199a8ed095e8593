"""State tools in the shape of OpenAI's API.

Strict mode wants every property required and no others, and takes null for what may be left out. It
cannot say "any JSON", so a value travels as JSON text: ``value_json`` holds ``{"seat": "12A"}`` in
quotes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from agents_bridge import _state_tools as state
from agents_bridge._client import AsyncClient, Client
from agents_bridge._session import Session
from agents_bridge._wire import Flow

Api = Literal["responses", "chat"]
_JSON = "_json"
MOST_ARGUMENTS = 2 * 1024 * 1024


def schema_of(tool: state.StateTool, namespaces: Sequence[str]) -> dict[str, Any]:
    """The strict JSON Schema of a tool's arguments."""
    properties = dict(_property(parameter, namespaces) for parameter in tool.parameters)
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _property(parameter: state.Parameter, namespaces: Sequence[str]) -> tuple[str, dict[str, Any]]:
    name, description = parameter.name, parameter.description
    if name == "namespace":
        return name, {"type": "string", "enum": [*namespaces], "description": description}
    if parameter.kind == "json":
        return name + _JSON, {"type": "string", "description": f"{description} As JSON text."}
    kind: Any = [parameter.kind, "null"] if parameter.is_optional else parameter.kind
    return name, {"type": kind, "description": description}


def carry_out(
    session: Session, tool: state.StateTool, namespaces: Sequence[str], arguments: str
) -> Flow[str]:
    """One call with the arguments as the model wrote them; the answer as the model will read it."""
    try:
        given = _read(tool, arguments)
    except ValueError as error:
        given = error
    if isinstance(given, ValueError):
        answer = {"ok": False, "error": {"code": "invalid_arguments", "message": str(given)}}
    else:
        answer = yield from state.perform(session, tool, namespaces, given)
    return json.dumps(answer, ensure_ascii=False)


def _read(tool: state.StateTool, arguments: str) -> Any:
    if len(arguments) > MOST_ARGUMENTS:
        raise ValueError("The arguments are too long.")
    given = _parsed("arguments", arguments)
    if not isinstance(given, dict):
        return given
    names = {parameter.name + _JSON for parameter in tool.parameters if parameter.kind == "json"}
    return {
        name.removesuffix(_JSON) if name in names else name: (
            _parsed(name, value) if name in names else value
        )
        for name, value in given.items()
    }


def _parsed(name: str, text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"{name} must be JSON text.") from None


class _Offer:
    """What both kinds of tools know before there is any I/O."""

    def _begin(self, namespaces: Sequence[str], tools: Sequence[str] | None) -> None:
        self.namespaces = state.checked_namespaces(namespaces)
        self._tools = {tool.name: tool for tool in state.chosen(tools)}

    def definitions(self, api: Api = "responses") -> list[dict[str, Any]]:
        """The tools for a request's ``tools``: for ``client.responses.create``, or with ``"chat"``
        for ``client.chat.completions.create``.
        """
        functions = [
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": schema_of(tool, self.namespaces),
                "strict": True,
            }
            for tool in self._tools.values()
        ]
        if api == "chat":
            return [{"type": "function", "function": function} for function in functions]
        return [{"type": "function", **function} for function in functions]

    def _flow(self, session: Session, name: str, arguments: str) -> Flow[str]:
        if name not in self._tools:
            return json.dumps(state.unknown_tool(session, name))
        return (yield from carry_out(session, self._tools[name], self.namespaces, arguments))


class StateTools(_Offer):
    """Function tools on the namespaces you name, and the dispatcher for the calls a model makes.

    >>> from agents_bridge.openai import StateTools
    >>> tools = StateTools(client, namespaces=["notes"])
    >>> [tool["name"] for tool in tools.definitions()]
    ['state_get', 'state_put', 'state_patch', 'state_list', 'state_history']
    >>> arguments = {"namespace": "notes", "key": "seat", "value_json": "12", "if_version": None}
    >>> call = {"call_id": "call_1", "name": "state_put", "arguments": json.dumps(arguments)}
    >>> tools.answer(call)["output"]
    '{"ok": true, "key": "seat", "version": 1, "created": true}'
    """

    def __init__(
        self,
        client: Client,
        namespaces: Sequence[str],
        *,
        tools: Sequence[str] | None = None,
    ) -> None:
        self._begin(namespaces, tools)
        self._client = client

    def call(self, name: str, arguments: str) -> str:
        """Carry out one call; always answers JSON text, also where it was refused."""
        return self._client.run(self._flow(self._client.session, name, arguments))

    def answer(self, tool_call: Any) -> dict[str, Any]:
        """The item or message to send back for one tool call of a Responses or Chat answer."""
        name, arguments = _asked(tool_call)
        return _answered(tool_call, self.call(name, arguments))


class AsyncStateTools(_Offer):
    """The same for ``AsyncClient``: ``await tools.answer(tool_call)``."""

    def __init__(
        self,
        client: AsyncClient,
        namespaces: Sequence[str],
        *,
        tools: Sequence[str] | None = None,
    ) -> None:
        self._begin(namespaces, tools)
        self._client = client

    async def call(self, name: str, arguments: str) -> str:
        """Carry out one call; always answers JSON text, also where it was refused."""
        return await self._client.run(self._flow(self._client.session, name, arguments))

    async def answer(self, tool_call: Any) -> dict[str, Any]:
        """The item or message to send back for one tool call of a Responses or Chat answer."""
        name, arguments = _asked(tool_call)
        return _answered(tool_call, await self.call(name, arguments))


def _member(thing: Any, name: str) -> Any:
    """A member of what the library gave as an object, or the wire as a mapping."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _asked(tool_call: Any) -> tuple[str, str]:
    holder = _member(tool_call, "function") or tool_call
    return str(_member(holder, "name")), str(_member(holder, "arguments"))


def _answered(tool_call: Any, output: str) -> dict[str, Any]:
    if _member(tool_call, "function") is not None:
        return {"role": "tool", "tool_call_id": _member(tool_call, "id"), "content": output}
    call_id = _member(tool_call, "call_id")
    return {"type": "function_call_output", "call_id": call_id, "output": output}
