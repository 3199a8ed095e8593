"""A Stateward server in memory, so that your tests need no other.

    from agents_bridge.testing import FakeServer

    def test_my_agent():
        server = FakeServer()
        with server.client() as client:
            client.namespaces.create("notes")
            my_agent(client)
            assert client.entries.get("notes", "answer").value == 42

Honest about namespaces, entries, versions, history, preconditions, time to live, labels,
idempotency keys, pages and refusals. It does not evaluate policies, encrypt or prove: policies are
kept but decide nothing, and what it cannot do answers 501 ``not_in_the_fake``. Say what shall be
refused with ``server.forbid(...)``, and what shall go wrong with ``server.fail(...)``.
"""

from agents_bridge.testing._server import FakeServer

__all__ = ["FakeServer"]
