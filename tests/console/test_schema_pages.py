"""A schema that evolves, in the browser: drafted, previewed, migrated to, taken back; and nothing
of it for another tenant.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboards.state.places import place_of
from governance.schemas.models import SchemaRun
from stateward.operations.jobs.carrying import carry_out
from stateward.operations.jobs.registry import jobs
from stateward.state.queries import get_entry
from stateward.tenancy.scope import run_flow, tenant_scope
from tests.console.console_world import CALL, World, make_world

pytestmark = pytest.mark.browser

NAMESPACE = "airline.customers"
OLD = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
NEW = """{
  "type": "object",
  "properties": {"name": {"type": "string", "minLength": 2}},
  "required": ["name"]
}"""
STEPS = '[{"step": "rename", "path": "/n", "to": "name"}]'


@pytest.fixture
def world() -> World:
    world = make_world()
    world.namespace(NAMESPACE, schema=OLD)
    for key, name in (("a", "Mia Li"), ("b", "Ada Ek"), ("c", "Li")):
        world.put(NAMESPACE, key, {"n": name})
    return world


def write(tab: Page, editor: int, text: str) -> None:
    content = tab.locator(".cm-content").nth(editor)
    content.click()
    tab.keyboard.press("Control+A")
    content.evaluate(
        """(target, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const options = { clipboardData, bubbles: true, cancelable: true };
            target.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


def carry_out_the_rest(world: World) -> None:
    """As a worker would."""
    with tenant_scope(world.tenant.id):
        waiting = [
            one.job_run for one in SchemaRun.objects.filter(tenant=world.tenant, state="queued")
        ]
    for job_run in waiting:
        carry_out(job_run, jobs().__getitem__)


def value_now(world: World, key: str) -> Any:
    with tenant_scope(world.tenant.id):
        return run_flow(get_entry(world.owner, CALL(), NAMESPACE, key)).value  # type: ignore[union-attr]


def show(tab: Page, name: str) -> None:
    """Pictures for whoever wants to look at them."""
    folder = os.environ.get("SHOTS")
    if not folder:
        return
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.set_viewport_size({"width": width, "height": 900})
        tab.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 900})


def test_a_schema_is_drafted_migrated_to_and_taken_back(console: Any, world: World) -> None:
    console.sign_in(world.person)
    tab = console.open(world.path(f"namespaces/{NAMESPACE}/"))
    tab.get_by_role("link", name="Schema", exact=True).click()
    write(tab, 0, '{"type": "object",\n "required": 3}')
    expect(tab.get_by_role("button", name="Line 2, column 14")).to_be_visible()
    write(tab, 0, NEW)
    write(tab, 1, STEPS)
    tab.get_by_label("What changed").fill("Names are names")
    show(tab, "schemas")
    tab.get_by_role("button", name="Draft version 2").click()

    expect(tab.get_by_role("heading", name="Schema version 2")).to_be_visible()
    expect(tab.get_by_text("Incompatible both ways")).to_be_visible()
    tab.get_by_role("link", name="Preview on stored values").click()
    expect(tab.locator("#preview")).to_contain_text("Mia Li")
    assert console.axe() == []
    show(tab, "schema")
    console.expected.add(422)
    tab.get_by_role("button", name="Activate", exact=True).click()
    expect(tab.get_by_role("heading", name="Activation of version 2")).to_be_visible()
    show(tab, "run-waiting")
    carry_out_the_rest(world)
    tab.reload()
    expect(tab.get_by_text("Not activated: 3 stored values do not fit.")).to_be_visible()
    expect(tab.get_by_role("row", name="a 1")).to_contain_text("required")
    show(tab, "run-refused")

    tab.go_back()
    tab.get_by_role("button", name="Migrate stored values, then activate").click()
    expect(tab.get_by_role("heading", name="Migration of version 2")).to_be_visible()
    carry_out_the_rest(world)
    tab.reload()
    expect(tab.get_by_text("Version 2 is in force.")).to_be_visible()
    assert value_now(world, "a") == {"name": "Mia Li"}
    world.put(NAMESPACE, "b", {"name": "Ada Lund"})

    tab.get_by_role("button", name="Take back 3 values").click()
    expect(tab.get_by_role("heading", name="Taking back of version 2")).to_be_visible()
    carry_out_the_rest(world)
    tab.reload()
    expect(tab.get_by_text("What was written since stands as it was.")).to_be_visible()
    expect(tab.get_by_role("row", name="b 2")).to_be_visible()
    show(tab, "run-undone")
    assert [value_now(world, key) for key in "ab"] == [{"n": "Mia Li"}, {"name": "Ada Lund"}]
    assert console.axe() == []
    assert console.overflow() == 0


def test_another_tenant_and_a_viewer(console: Any, world: World) -> None:
    other = make_world("Another one")
    console.sign_in(world.member("viewer"))
    tab = console.open(world.path(f"namespaces/{NAMESPACE}/schemas/1"))
    expect(tab.get_by_text("You may read this version, not activate it.")).to_be_visible()
    expect(tab.get_by_role("button", name="Check against every stored value")).to_have_count(0)

    console.expected.add(404)
    for place in ("schemas/", "schemas/1"):
        tab.goto(f"{console.url}/t/{other.tenant.slug}/namespaces/{NAMESPACE}/{place}")
        expect(tab.get_by_text("Mia")).to_have_count(0)
        expect(tab.get_by_role("heading", name="Schema version 1")).to_have_count(0)


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        pytest.param("", (1, 1), id="whole"),
        pytest.param("/a/1", (2, 12), id="item"),
        pytest.param("/b~1c", (3, 10), id="escaped"),
        pytest.param("/a/1/none", (2, 12), id="nearest"),
    ],
)
def test_a_pointer_has_a_place_in_the_text(pointer: str, place: tuple[int, int]) -> None:
    assert place_of('{\n  "a": [1, 2],\n  "b/c": {}, "d": "}"\n}', pointer) == place
