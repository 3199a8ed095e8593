"""Stateward for OpenAI's API and the OpenAI Agents SDK.

``StateTools`` and ``AsyncStateTools`` offer governed state to a model as function tools with strict
schemas; ``function_tools`` does so to an agent of the Agents SDK; ``StatewardSession`` keeps an
agent's conversation. Needs the extra: ``pip install 'stateward[openai]'``.
"""

from __future__ import annotations

from agents_bridge._extras import need

need("openai", "openai", "agents")

from agents_bridge.openai._functions import function_tools  # noqa: E402  # after the extra is known
from agents_bridge.openai._session import StatewardSession  # noqa: E402
from agents_bridge.openai._tools import AsyncStateTools, StateTools  # noqa: E402

__all__ = ["AsyncStateTools", "StateTools", "StatewardSession", "function_tools"]
