"""Commands on leases."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from typing import Annotated

import typer

from agents_bridge.cli._common import As, Json, Key, Limit, Namespace, connect
from agents_bridge.cli._output import done, moment, render, show

app = typer.Typer(help="Leases: a key to oneself for a while.", no_args_is_help=True)

Ttl = Annotated[float, typer.Option("--ttl", metavar="SECONDS", help="So long from now.")]
Wait = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="Stand in line; up to 60.")]
LeaseId = Annotated[str, typer.Argument(help="The lease's id.", show_default=False)]


@app.command("list")
def list_leases(
    *, namespace: Namespace, limit: Limit = 100, json: Json = False, agent: As = None
) -> None:
    """List the leases held now."""
    with connect(agent) as client:
        leases = [*islice(client.leases.list(namespace, page_size=min(limit, 1000)), limit)]
    show(
        leases,
        json=json,
        otherwise=lambda: render().table(
            ["KEY", "HOLDER", "UNTIL (UTC)", "WAITING", "TOKEN", "LEASE"],
            (
                (each.key, each.holder.name, moment(each.expires_at), each.waiting,
                 each.fencing_token, each.id)
                for each in leases
            ),
        ),
    )  # fmt: skip


@app.command("take")
def take(
    *,
    namespace: Namespace,
    key: Key,
    ttl: Ttl = 30.0,
    wait: Wait = 0.0,
    json: Json = False,
    agent: As = None,
) -> None:
    """Take the lease on a key; its token is printed.

    Example: stateward lease take airline.seats 12A --ttl 60
    """
    with connect(agent) as client:
        lease = client.leases.acquire(namespace, key, ttl_seconds=ttl, wait_seconds=wait)
    show(lease, json=json, otherwise=lambda: sys.stdout.write(f"{lease.fencing_token}\n"))
    if not json:
        render().hint(f"Lease {lease.id}, until {moment(lease.expires_at)}.")


@app.command("renew")
def renew(
    *, namespace: Namespace, lease: LeaseId, ttl: Ttl = 30.0, json: Json = False, agent: As = None
) -> None:
    """Keep a lease for longer."""
    with connect(agent) as client:
        kept = client.leases.renew(namespace, lease, ttl_seconds=ttl)
    done(f"{kept.key} is leased until {moment(kept.expires_at)}", kept, json=json)


@app.command("release")
def release(
    *,
    namespace: Namespace,
    lease: LeaseId,
    reason: Annotated[
        str | None, typer.Option(help="Why another's lease is ended; its holder is shut out.")
    ] = None,
    json: Json = False,
    agent: As = None,
) -> None:
    """Give a lease back, or end another's with --reason."""
    with connect(agent) as client:
        client.leases.release(namespace, lease, reason=reason)
    done(f"{lease} is over", {"released": True}, json=json)


@app.command("run", context_settings={"allow_interspersed_args": False})
def run(
    *,
    namespace: Namespace,
    key: Key,
    command: Annotated[list[str], typer.Argument(help="What to run.", show_default=False)],
    ttl: Ttl = 30.0,
    wait: Wait = 0.0,
    agent: As = None,
) -> None:
    """Run a command while the key is leased, as flock does; its exit code is ours.

    The lease is renewed meanwhile, and given back at the end. The command finds the token in
    STATEWARD_FENCING_TOKEN.

    Example: stateward lease run --wait 60 jobs nightly -- ./nightly.sh
    """
    with (
        connect(agent) as client,
        client.lease(namespace, key, ttl_seconds=ttl, wait_seconds=wait) as held,
    ):
        known = {**os.environ, "STATEWARD_FENCING_TOKEN": str(held.fencing_token)}
        words = command[1:] if command[0] == "--" else command
        ended = subprocess.run(words, env=known, check=False)
    raise typer.Exit(ended.returncode)
