"""Commands on policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents_bridge._models import Explanation, Policy, Validation
from agents_bridge.cli._common import (
    As,
    Json,
    connect,
    json_argument,
    read_file,
    read_text,
    typed_pair,
)
from agents_bridge.cli._exit import Exit
from agents_bridge.cli._output import as_json, done, moment, render, show

if TYPE_CHECKING:
    from agents_bridge import Client

app = typer.Typer(
    help="Policies: versioned Cedar text, and what it decides.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="POLICY", help="Its name or id.", show_default=False)]
Text = Annotated[
    str,
    typer.Argument(metavar="FILE", help="A file with Cedar text, or -.", show_default=False),
]


@app.command("list")
def list_policies(*, json: Json = False, agent: As = None) -> None:
    """List the tenant's policies."""
    with connect(agent) as client:
        policies = list(client.policies.list())
    show(
        policies,
        json=json,
        otherwise=lambda: render().table(
            ["NAME", "STATE", ">VERSION", ">LATEST", "=ID"],
            (
                (each.name, _state(each), each.active_version, each.latest_version, each.id)
                for each in policies
            ),
        ),
    )


@app.command("show")
def show_policy(*, policy: Name, json: Json = False, agent: As = None) -> None:
    """Show a policy's versions and its text.

    The text is the one in force, or else the latest.
    """
    with connect(agent) as client:
        found = _find(client, policy)
        versions = list(client.policies.versions(found.id))
    document = {**found.raw, "versions": [version.raw for version in versions]}
    show(document, json=json, otherwise=lambda: _policy(found, versions))


@app.command("validate")
def validate_policy(*, text: Text, json: Json = False, agent: As = None) -> None:
    """Check a policy's text without keeping it. Exits with 1 where it is wrong."""
    with connect(agent) as client:
        found = client.policies.validate(_text(text))
    show(found, json=json, otherwise=lambda: _validation(found))
    if not found:
        raise typer.Exit(Exit.FAILED)


@app.command("create")
def create_policy(
    *,
    name: Annotated[str, typer.Argument(help="A name for it.", show_default=False)],
    text: Text,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    activate: Annotated[bool, typer.Option("--activate", help="Put it in force at once.")] = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Keep a new policy. It is in force only once activated.

    Example: stateward policy create no-restricted no-restricted.cedar --activate
    """
    content = _text(text)
    with connect(agent) as client:
        policy = client.policies.create(name, content, description=description)
        if activate:
            policy = client.policies.activate(policy.id, 1)
    done(f"{policy.name} is kept, {_state(policy)}", policy, json=json)


@app.command("update")
def update_policy(
    *,
    policy: Name,
    text: Text,
    note: Annotated[str, typer.Option(help="Why it changes.")] = "",
    activate: Annotated[bool, typer.Option("--activate", help="Put it in force at once.")] = False,
    json: Json = False,
    agent: As = None,
) -> None:
    """Keep a new version of a policy's text."""
    content = _text(text)
    with connect(agent) as client:
        found = _find(client, policy)
        version = client.policies.add_version(found.id, content, note=note)
        if activate:
            client.policies.activate(found.id, version.version)
    state = "in force" if activate else "not in force yet"
    done(f"{found.name} has version {version.version}, {state}", version, json=json)


@app.command("activate")
def activate_policy(
    *,
    policy: Name,
    version: Annotated[
        int | None, typer.Argument(help="Default: the latest.", show_default=False)
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Put a version in force. An older version is how to roll back."""
    with connect(agent) as client:
        found = _find(client, policy)
        if version is None:
            version = max(each.version for each in client.policies.versions(found.id))
        activated = client.policies.activate(found.id, version)
    done(f"{found.name} is in force at version {version}", activated, json=json)


@app.command("deactivate")
def deactivate_policy(*, policy: Name, json: Json = False, agent: As = None) -> None:
    """Take a policy out of force; its versions stay."""
    with connect(agent) as client:
        found = _find(client, policy)
        client.policies.deactivate(found.id)
    done(f"{found.name} is no longer in force", {"active_version": None}, json=json)


@app.command("explain")
def explain_decision(
    *,
    principal: Annotated[str, typer.Argument(help="type:id, such as agent:0199…")],
    action: Annotated[str, typer.Argument(help="Such as state.write.")],
    resource: Annotated[str, typer.Argument(help="type:id, such as namespace:airline.bookings.")],
    context: Annotated[
        str, typer.Option(metavar="JSON", help="What the request would say about itself.")
    ] = "{}",
    json: Json = False,
    agent: As = None,
) -> None:
    """Say what would be decided, and why. Exits with 5 where it would be denied.

    Example: stateward policy explain agent:0199… state.write entry:airline.bookings/EHGLP3
    """
    with connect(agent) as client:
        explanation = client.decisions.explain(
            principal=typed_pair(principal, what="A principal"),
            action=action,
            resource=typed_pair(resource, what="A resource"),
            context=json_argument(context, what="The context"),
        )
    show(explanation, json=json, otherwise=lambda: _explanation(explanation))
    if not explanation:
        raise typer.Exit(Exit.DENIED)


def _find(client: Client, name: str) -> Policy:
    for policy in client.policies.list():
        if name in (policy.name, policy.id):
            return policy
    return client.policies.get(name)  # not in the list: the server says why, or that there is none


def _text(argument: str) -> str:
    return read_text("-") if argument == "-" else read_file(Path(argument))


def _state(policy: Policy) -> str:
    return "not in force" if policy.active_version is None else "in force"


def _policy(policy: Policy, versions: list[Any]) -> None:
    screen = render()
    screen.facts(
        [
            ("name", policy.name),
            ("state", _state(policy)),
            ("version", policy.active_version),
            ("description", policy.description),
            ("id", policy.id),
        ]
    )
    screen.text("")
    screen.table(
        [">VERSION", "AT (UTC)", "NOTE"],
        ((each.version, moment(each.created_at), each.note) for each in versions),
    )
    wanted = policy.active_version or max((each.version for each in versions), default=0)
    for each in versions:
        if each.version == wanted and each.text:
            screen.text(f"\n{each.text}")


def _validation(found: Validation) -> None:
    if found:
        render().done("the text can be used")
        return
    for fault in found.errors:
        render().refusal(str(fault), [])


def _explanation(found: Explanation) -> None:
    render().facts(
        [
            ("outcome", found.outcome),
            ("reason", found.reason),
            *(("decided by", _rule(item)) for item in found.determining),
            *(("nearly", _near_miss(item)) for item in found.near_misses),
            *(("error", _item(item)) for item in found.errors),
            ("policy set", found.policy_set),
        ]
    )


def _rule(item: Any) -> str:
    """``forbid in night@1, line 3``."""
    if not isinstance(item, dict) or "name" not in item:
        return _item(item)
    version = f"@{item['version']}" if item.get("version") is not None else ""
    label = f" “{item['label']}”" if item.get("label") else ""
    return f"{item.get('effect')}{label} in {item['name']}{version}, line {item.get('line')}"


def _near_miss(item: Any) -> str:
    """The rule, the clause that failed, and the values that made it fail."""
    if not isinstance(item, dict) or "clause" not in item:
        return _item(item)
    values = item.get("values") or {}
    told = ", ".join(f"{name} is {_item(value)}" for name, value in values.items())
    return f"{_rule(item.get('rule'))}: {item['clause']}{f' ({told})' if told else ''}"


def _item(item: Any) -> str:
    return item if isinstance(item, str) else as_json(item, indent=None)
