"""State tools for a model: strict schemas, and a dispatcher that answers whatever is called."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest
from agents import Agent, Runner
from agents.testing import ScriptedModel, assistant_message, function_call
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI
from openai.lib._pydantic import _ensure_strict_json_schema

from agents_bridge import AsyncClient, Client, Retry
from agents_bridge.openai import AsyncStateTools, StateTools, function_tools
from agents_bridge.testing import FakeServer
from tests.bridge.real_server import new_namespace
from tests.e2e.shared_stack import SharedStack, shared_stack

NOTHING: dict[str, Any] = {"if_version": None, "note": None}
PAGE: dict[str, Any] = {"limit": None, "cursor": None}


def on_stack(test: Any) -> Any:
    """The same on the real server, where a policy decides."""
    return pytest.mark.stack(pytest.mark.xdist_group("shared_stack")(test))


@pytest.fixture
def tools(client: Client) -> StateTools:
    return StateTools(client, ["notes"])


def call(tools: StateTools, name: str, **arguments: Any) -> Any:
    return json.loads(tools.call(name, json.dumps({"namespace": "notes", **arguments})))


def put(tools: StateTools, key: str, value: Any, **more: Any) -> Any:
    given = {"key": key, "value_json": json.dumps(value), **NOTHING, **more}
    return call(tools, "state_put", **given)


@pytest.mark.parametrize("tool", ["state_get", "state_put", "state_patch", "state_list"])
def test_schemas_are_strict(tools: StateTools, tool: str) -> None:
    definition = next(each for each in tools.definitions() if each["name"] == tool)
    parameters = definition["parameters"]

    assert definition["strict"] is True
    assert parameters["required"] == [*parameters["properties"]]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"]["namespace"]["enum"] == ["notes"]
    # The OpenAI library's own idea of strict changes nothing in it.
    assert _ensure_strict_json_schema(
        json.loads(json.dumps(parameters)), path=(), root=parameters
    ) == json.loads(json.dumps(parameters))


def test_what_may_be_left_out_may_be_null(tools: StateTools) -> None:
    for definition in tools.definitions():
        validator = jsonschema_rs.validator_for(definition["parameters"])
        properties = definition["parameters"]["properties"]
        nullable = [name for name, each in properties.items() if "null" in each["type"]]
        given = {name: None if name in nullable else "notes" for name in properties}

        assert validator.is_valid(given), definition["name"]
        assert not validator.is_valid({**given, "more": 1})
        assert not validator.is_valid({**given, "namespace": "elsewhere"})


def test_both_apis_have_their_shape(tools: StateTools) -> None:
    (chat,) = [
        each["function"]
        for each in tools.definitions("chat")
        if each["function"]["name"] == "state_get"
    ]
    (responses,) = [each for each in tools.definitions() if each["name"] == "state_get"]

    assert {**chat, "type": "function"} == responses


def test_a_value_is_written_read_changed_and_its_history_told(tools: StateTools) -> None:
    written = put(tools, "seat", {"row": 12}, note="asked for")
    changed = call(tools, "state_patch", key="seat", patch_json='{"row": 14}', if_version=1)
    read = call(tools, "state_get", key="seat", version=None)
    before = call(tools, "state_get", key="seat", version=1)
    history = call(tools, "state_history", key="seat", **PAGE)
    listed = call(tools, "state_list", prefix="s", **PAGE)

    assert written == {"ok": True, "key": "seat", "version": 1, "created": True}
    assert (changed["version"], changed["value"]) == (2, {"row": 14})
    assert (read["value"], before["value"]) == ({"row": 14}, {"row": 12})
    assert [(each["version"], each["note"]) for each in history["revisions"]] == [
        (2, None),
        (1, "asked for"),
    ]
    assert [each["key"] for each in listed["entries"]] == ["seat"]
    assert "value" not in listed["entries"][0]


def test_pages_are_bounded_and_followed(tools: StateTools) -> None:
    for number in range(3):
        put(tools, f"k{number}", number)

    first = call(tools, "state_list", prefix=None, limit=2, cursor=None)
    second = call(tools, "state_list", prefix=None, limit=2, cursor=first["next_cursor"])
    all_of_them = call(tools, "state_list", prefix=None, limit=9_999, cursor=None)

    assert [each["key"] for each in first["entries"] + second["entries"]] == ["k0", "k1", "k2"]
    assert second["next_cursor"] is None
    assert len(all_of_them["entries"]) == 3


def test_a_condition_that_does_not_hold_says_the_version(tools: StateTools) -> None:
    put(tools, "seat", 1)

    stale = put(tools, "seat", 2, if_version=7)
    taken = put(tools, "seat", 2, if_version=0)

    assert stale["error"]["code"] == "precondition_failed"
    assert stale["error"]["current_version"] == 1
    assert taken["error"]["code"] == "precondition_failed"


def test_a_large_value_is_begun_not_poured_out(tools: StateTools, client: Client) -> None:
    client.entries.put("notes", "large", "x" * 200_000)

    read = call(tools, "state_get", key="large", version=None)

    assert read["too_large"] is True
    assert len(json.dumps(read)) < 3_000


BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("state_get", "{"),
    "no object": ("state_get", "[]"),
    "deep": ("state_put", "[" * 5_000),
    "a namespace that is not offered": (
        "state_get",
        '{"namespace": "payroll", "key": "k", "version": null}',
    ),
    "no namespace": ("state_get", '{"key": "k", "version": null}'),
    "an argument too many": (
        "state_get",
        '{"namespace": "notes", "key": "k", "version": null, "tenant": "other"}',
    ),
    "a text for a number": ("state_get", '{"namespace": "notes", "key": "k", "version": "1"}'),
    "truth for a number": ("state_get", '{"namespace": "notes", "key": "k", "version": true}'),
    "no value": ("state_put", '{"namespace": "notes", "key": "k"}'),
    "a value that is no JSON": (
        "state_put",
        '{"namespace": "notes", "key": "k", "value_json": "{"}',
    ),
    "a value that is no text": (
        "state_put",
        '{"namespace": "notes", "key": "k", "value_json": {"a": 1}}',
    ),
    "a value JSON does not have": (
        "state_put",
        '{"namespace": "notes", "key": "k", "value_json": "NaN"}',
    ),
    "a key of another path": (
        "state_get",
        '{"namespace": "notes", "key": "../../policies", "version": null}',
    ),
    "far too much": ("state_get", " " * (3 * 1024 * 1024)),
}


@pytest.mark.parametrize("case", [*BAD])
def test_a_bad_call_is_answered_and_changes_nothing(
    server: FakeServer, tools: StateTools, case: str
) -> None:
    sent = len(server.requests)

    answer = json.loads(tools.call(*BAD[case]))

    assert answer["ok"] is False
    assert answer["error"]["code"] in {"invalid_arguments", "invalid_key"}
    assert len(server.requests) == sent


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["state_get", "state_put", "state_list", "state_patch", "nonsense"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["namespace", "key", "value_json", "version", "limit", "x"]), inner
            )
        ),
        max_leaves=6,
    ),
)
def test_whatever_a_model_says_is_answered_with_an_object(name: str, arguments: Any) -> None:
    with FakeServer().client() as client:
        client.namespaces.create("notes")
        answer = json.loads(StateTools(client, ["notes"]).call(name, json.dumps(arguments)))

    assert isinstance(answer["ok"], bool)
    assert answer["ok"] or answer["error"]["code"]


def test_an_error_tells_neither_address_nor_key() -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("http://internal.example:8400 refused sw_secret")

    options: dict[str, Any] = {
        "transport": httpx.MockTransport(down),
        "retry": Retry(attempts=1),
    }
    with Client("http://internal.example:8400", "sw_secret", **options) as client:
        answer = StateTools(client, ["notes"]).call(
            "state_get", '{"namespace": "notes", "key": "k", "version": null}'
        )

    assert json.loads(answer)["error"]["code"] == "unreachable"
    assert "internal" not in answer
    assert "sw_secret" not in answer


def test_a_key_in_a_servers_words_is_taken_out() -> None:
    def echoes(request: httpx.Request) -> httpx.Response:
        problem = {"code": "malformed", "detail": f"Seen: {request.headers['authorization']}"}
        return httpx.Response(400, json=problem)

    transport = httpx.MockTransport(echoes)
    with Client("http://x.test", "sw_secret", transport=transport) as client:
        answer = StateTools(client, ["notes"]).call(
            "state_get", '{"namespace": "notes", "key": "k", "version": null}'
        )

    assert json.loads(answer)["error"]["message"] == "Seen: Bearer [key]"


def test_slow_and_busy_servers_are_told_apart(server: FakeServer, tools: StateTools) -> None:
    server.fail(429, retry_after=120)

    answer = call(tools, "state_get", key="k", version=None)

    assert answer["error"]["code"] == "http_429"
    assert answer["error"]["retry_after_seconds"] == 120


def test_a_call_is_answered_in_the_shape_of_its_api(tools: StateTools) -> None:
    arguments = json.dumps({"namespace": "notes", "prefix": None, **PAGE})
    function = SimpleNamespace(name="state_list", arguments=arguments)

    chat = tools.answer(SimpleNamespace(id="c1", function=function))
    item = tools.answer({"call_id": "c2", "name": "state_list", "arguments": arguments})

    assert (chat["role"], chat["tool_call_id"]) == ("tool", "c1")
    assert (item["type"], item["call_id"]) == ("function_call_output", "c2")
    assert (
        json.loads(chat["content"])
        == json.loads(item["output"])
        == {
            "ok": True,
            "entries": [],
            "next_cursor": None,
        }
    )


async def test_the_awaited_ones_do_the_same(async_client: AsyncClient) -> None:
    tools = AsyncStateTools(async_client, ["notes"])
    arguments = json.dumps({"namespace": "notes", "key": "k", "value_json": "1", **NOTHING})

    item = await tools.answer({"call_id": "c", "name": "state_put", "arguments": arguments})

    assert json.loads(item["output"])["version"] == 1
    assert json.loads(await tools.call("nonsense", "{}"))["error"]["code"] == "unknown_tool"


def test_only_some_tools_may_be_offered(client: Client) -> None:
    tools = StateTools(client, ["notes"], tools=["state_get"])

    assert [each["name"] for each in tools.definitions()] == ["state_get"]
    assert call(tools, "state_put", key="k")["error"]["code"] == "unknown_tool"
    with pytest.raises(ValueError, match="there is no tool 'state_purge'"):
        StateTools(client, ["notes"], tools=["state_purge"])


@pytest.mark.parametrize("namespaces", ["notes", [], ()], ids=["a-text", "none", "empty"])
def test_the_namespaces_must_be_named(client: Client, namespaces: Any) -> None:
    with pytest.raises(ValueError, match="name the namespaces"):
        StateTools(client, namespaces)


def test_a_round_trip_with_the_openai_library(tools: StateTools) -> None:
    """What goes out through the library is what was defined, and what comes back is answered."""
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        arguments = json.dumps({"namespace": "notes", "prefix": None, **PAGE})
        call = {"name": "state_list", "arguments": arguments}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": call}],
        }
        choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
        document = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
        return httpx.Response(200, json={**document, "choices": [choice]})

    transport = httpx.Client(transport=httpx.MockTransport(answer))
    with OpenAI(api_key="k", base_url="http://model.test/v1", http_client=transport) as model:
        completion = model.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "What is there?"}],
            tools=tools.definitions("chat"),  # type: ignore[arg-type]
        )
    calls = completion.choices[0].message.tool_calls
    assert calls is not None

    assert tools.answer(calls[0])["role"] == "tool"
    assert bodies[0]["tools"] == tools.definitions("chat")


@pytest.fixture(scope="module")
def stack() -> SharedStack:
    return shared_stack()


@pytest.fixture(scope="module")
def namespace(stack: SharedStack) -> str:
    return new_namespace(stack)


@on_stack
def test_a_refusal_names_its_decision(stack: SharedStack, namespace: str) -> None:
    with Client(stack.url, stack.reader) as reader:
        answer = json.loads(
            StateTools(reader, [namespace]).call(
                "state_put",
                json.dumps({"namespace": namespace, "key": "k", "value_json": "1", **NOTHING}),
            )
        )
    with stack.admin() as admin:
        denials = list(admin.audit.search(namespace=namespace, outcome="deny"))

    assert answer["error"]["code"] == "forbidden"
    assert answer["error"]["decision_id"] in [record.decision_id for record in denials]


@on_stack
async def test_an_agent_of_the_sdk_writes_under_its_run(stack: SharedStack, namespace: str) -> None:
    run = uuid4().hex
    arguments = {"namespace": namespace, "key": "k", "value_json": "[1, 2]", **NOTHING}
    elsewhere = {**arguments, "namespace": "elsewhere"}
    model = ScriptedModel(
        [
            [function_call("state_put", arguments, call_id="c1")],
            [function_call("state_put", elsewhere, call_id="c2")],
            [assistant_message("done")],
        ]
    )
    async with AsyncClient(stack.url, stack.builder, run=run) as client:
        agent = Agent("desk", model=model, tools=function_tools(client, [namespace]))
        result = await Runner.run(agent, "Keep it.")
        kept = await client.entries.get(namespace, "k")
    with stack.admin() as admin:
        records = list(admin.audit.search(in_run=run, action="state.write"))

    outputs = [
        json.loads(item["output"])
        for item in result.to_input_list()
        if item.get("type") == "function_call_output"
    ]
    assert [output["ok"] for output in outputs] == [True, False]
    assert kept.value == [1, 2]
    assert len(records) == 1
