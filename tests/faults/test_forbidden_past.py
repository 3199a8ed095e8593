"""F68: a value that may no longer be read is not read by its past either: whatever way leads to it,
the decision is the value's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.contract.parties import Enter, Party, make_namespace
from tests.contract.problems import refused, soon

CANARY = "canary-4711"
FORBID = """
@id("sealed-values")
forbid (principal, action in Action::"state.read", resource is Entry)
when {{ principal.id == "{agent}" && resource.hasTag("sealed") }};
"""


class Scene:
    """A namespace whose entry ``k`` was everybody's, and is labelled ``sealed`` now."""

    def __init__(self, http: httpx.Client, reader: Party) -> None:
        self.reader = reader.http
        self.path = f"/namespaces/{make_namespace(http)}"
        self.http = http
        self.before = reader.http.get("/changes", params={"after": "now"}).json()["next_cursor"]
        first = self._put({"secret": CANARY, "n": 1})
        self.then = first["updated_at"]
        checkpoint = http.post(f"{self.path}/checkpoints", json={"label": "then"}).json()
        self.checkpoint = checkpoint["id"]
        self.position = checkpoint["position"]
        self._put({"secret": CANARY, "n": 2})

    def _put(self, value: Any, key: str = "k", **more: Any) -> Any:
        answer = self.http.put(f"{self.path}/entries/{key}", json={"value": value, **more})
        assert answer.is_success, answer.text
        return answer.json()

    def seal(self) -> None:
        self._put({"secret": CANARY, "n": 3}, labels={"sealed": "yes"})

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.reader.get(f"{self.path}{path}", params=query)

    def changes(self, values: str) -> httpx.Response:
        name = self.path.rpartition("/")[2]
        query = {"after": self.before, "namespace": name, "values": values}
        return self.reader.get("/changes", params=query)

    def stream(self) -> httpx.Response:
        """What a stream says before it comes to what is written now."""
        self._put("now", key="now")
        name = self.path.rpartition("/")[2]
        query = {"after": self.before, "namespace": name, "values": "full"}
        headers = {"Accept": "text/event-stream"}
        with self.reader.stream("GET", "/changes", params=query, headers=headers) as answer:
            text = ""
            for piece in answer.iter_text():
                text += piece
                if '"now"' in text:
                    break
        return httpx.Response(answer.status_code, text=text)


Way = Callable[[Scene], httpx.Response]
# Ways to the value alone: refused as the value is.
TO_THE_VALUE: dict[str, Way] = {
    "the newest": lambda one: one.get("/entries/k"),
    "an earlier version": lambda one: one.get("/entries/k", version=1),
    "as of a time": lambda one: one.get("/entries/k", as_of=one.then),
    "a diff of versions": lambda one: one.get("/entries/k/diff", **{"from": 1, "to": 2}),
    "a diff to the sealed one": lambda one: one.get("/entries/k/diff", **{"from": 1, "to": 3}),
}
# Ways to many, of which it was one: it is left out of them.
TO_MANY: dict[str, Way] = {
    "a list": lambda one: one.get("/entries"),
    "a list of the past": lambda one: one.get("/entries", as_of=one.then),
    "a checkpoint's cut": lambda one: one.get("/entries", as_of=one.position),
    "a batch": lambda one: one.reader.post(f"{one.path}/reads", json={"keys": ["k"]}),
    "a checkpoint's diff": lambda one: one.get(f"/checkpoints/{one.checkpoint}/diff", to="now"),
    "a namespace's diff": lambda one: one.get("/diff", **{"from": one.then}),
    "the feed's values": lambda one: one.changes("full"),
    "the feed's patches": lambda one: one.changes("patch"),
    "the feed's stream": Scene.stream,
}


@pytest.fixture(scope="module")
def reader(enter: Enter) -> Party:
    return enter("reader")


@pytest.fixture(scope="module")
def scene(http: httpx.Client, admin: httpx.Client, reader: Party) -> Scene:
    scene = Scene(http, reader)
    for name, way in (TO_THE_VALUE | TO_MANY).items():
        if "sealed" not in name:  # as long as it is everybody's, each way leads there
            answer = way(scene)
            assert answer.is_success, (name, answer.text)
            assert '"k"' in answer.text or "patch" in answer.text, (name, answer.text)
    body = {"name": f"sealed-{reader.id[-8:]}", "text": FORBID.format(agent=reader.id)}
    policy = admin.post("/policies", json=body)
    assert policy.status_code == 201, policy.text
    active = admin.put(f"/policies/{policy.json()['id']}/activation", json={"version": 1})
    assert active.is_success, active.text
    scene.seal()
    refused(soon(lambda: scene.get("/entries/k"), 403), 403)
    time.sleep(1.1)  # each process looks at the rules anew within a second; there are two
    return scene


@pytest.mark.parametrize("way", TO_THE_VALUE)
def test_the_past_of_a_forbidden_value_is_refused_as_the_value_is(scene: Scene, way: str) -> None:
    answer = TO_THE_VALUE[way](scene)

    problem = refused(answer, 403)
    assert problem["decision_id"]
    assert CANARY not in answer.text


@pytest.mark.parametrize("way", TO_MANY)
def test_what_shows_many_leaves_it_out(scene: Scene, way: str) -> None:
    answer = TO_MANY[way](scene)

    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    assert '"k"' not in answer.text


def test_its_history_names_no_value(scene: Scene) -> None:
    answer = scene.get("/entries/k/revisions")

    assert CANARY not in answer.text
    if answer.is_success:  # what was done and by whom is another right than the value
        assert all("value" not in one for one in answer.json()["items"])


def test_who_may_read_it_still_reads_all_of_it(scene: Scene, http: httpx.Client) -> None:
    place = f"{scene.path}/entries/k"
    versions = [http.get(place, params={"version": number}).json() for number in (1, 2, 3)]

    assert [one["value"]["n"] for one in versions] == [1, 2, 3]
    assert CANARY in json.dumps(versions)
