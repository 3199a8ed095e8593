"""State tools as function tools of the OpenAI Agents SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents import FunctionTool, Tool
from agents.tool_context import ToolContext

from agents_bridge import _state_tools as state
from agents_bridge._client import AsyncClient
from agents_bridge.openai._tools import carry_out, schema_of


def function_tools(
    client: AsyncClient, namespaces: Sequence[str], *, tools: Sequence[str] | None = None
) -> list[Tool]:
    """The state tools for ``Agent(tools=...)``, on the namespaces you name.

    ``Agent(name="desk", tools=function_tools(client, ["support.notes"]))``. ``tools`` takes only
    some of them, such as ``["state_get", "state_list"]`` for an agent that may only look.
    """
    allowed = state.checked_namespaces(namespaces)
    return [_function_tool(client, tool, allowed) for tool in state.chosen(tools)]


def _function_tool(
    client: AsyncClient, tool: state.StateTool, namespaces: tuple[str, ...]
) -> FunctionTool:
    async def invoke(context: ToolContext[Any], arguments: str) -> str:
        return await client.run(carry_out(client.session, tool, namespaces, arguments))

    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=schema_of(tool, namespaces),
        on_invoke_tool=invoke,
        strict_json_schema=True,
    )
