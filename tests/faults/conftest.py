"""The running product, and whom it knows: as the contract's tests have them."""

from __future__ import annotations

from tests.contract.conftest import admin, builder, enter, http, namespace, running_stack

__all__ = ["admin", "builder", "enter", "http", "namespace", "running_stack"]
