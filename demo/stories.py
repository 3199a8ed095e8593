"""What the agents of an invented ferry line live through: customers, bookings, conversations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CONVERSATIONS = "desk.conversations"
CUSTOMERS = "desk.customers"
BOOKINGS = "desk.bookings"
REFUNDS = "desk.refunds"

NAMESPACES: dict[str, dict[str, Any]] = {
    CONVERSATIONS: {"classification": "internal", "labels": {"kind": "conversation"}},
    BOOKINGS: {"classification": "confidential", "labels": {"kind": "record"}},
    REFUNDS: {"classification": "confidential", "labels": {"kind": "ledger"}},
    CUSTOMERS: {"classification": "restricted", "labels": {"kind": "person"}},
}

NAMES = (
    "Ines Albrecht", "Tomas Varga", "Maren Lindqvist", "Oke Petersen", "Rosa Delmar",
    "Jonah Whitlow", "Aiko Tanabe", "Petra Novak", "Samir Haddad", "Elin Sorensen",
    "Luc Fontaine", "Grace Okafor",
)  # fmt: skip
ROUTES = ("Norhaven-Ostby", "Ostby-Skarvik", "Skarvik-Lund", "Norhaven-Lund", "Lund-Ferrow")
SHIPS = ("MS Kittiwake", "MS Guillemot", "MS Sandpiper")
CABINS = ("seat", "inside cabin", "outside cabin", "suite")


@dataclass(frozen=True)
class Effect:
    """A tool's change of one entry; ``members`` are merged over what the entry holds."""

    namespace: str
    key: str
    members: dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One message, and what the tool it called changed."""

    role: str  # user assistant tool
    content: str
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True)
class Story:
    """One run of one agent, from greeting to goodbye."""

    run: str
    purpose: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Guest:
    id: str
    name: str
    booking: str
    route: str
    day: str
    cabin: str
    fare: int

    @property
    def customer(self) -> Effect:
        first = self.name.split()[0].lower()
        return Effect(
            CUSTOMERS,
            self.id,
            {"name": self.name, "email": f"{first}@example.org", "miles": self.fare * 3},
        )


def guests(count: int, seed: int) -> list[Guest]:
    """The same people for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # invented data, no secret
    letters = "BCDFGHJKLMNPQRSTVWXZ"
    return [
        Guest(
            id=f"guest-{1000 + number}",
            name=NAMES[number % len(NAMES)],
            booking="".join(chance.choices(letters, k=5)) + str(number % 10),
            route=chance.choice(ROUTES),
            day=f"2027-0{chance.randint(3, 9)}-{chance.randint(10, 28)}",
            cabin=chance.choice(CABINS),
            fare=chance.randrange(48, 420, 4),
        )
        for number in range(count)
    ]


def stories(count: int, seed: int = 7) -> Iterator[Story]:
    """``count`` runs, the kinds of them in turn."""
    kinds = (_books, _moves, _cancels, _adds_a_car, _complains)
    for number, guest in enumerate(guests(count, seed)):
        kind = kinds[number % len(kinds)]
        purpose, turns = kind(guest)
        opening = Turn("assistant", "Welcome aboard the Skarv Line desk. How can I help?")
        closing = Turn("user", "That is all, thank you.")
        yield Story(f"run-{seed}-{number:03d}", purpose, (opening, *turns, closing))


def _looked_up(guest: Guest) -> tuple[Turn, ...]:
    return (
        Turn("assistant", "", "find_customer", {"name": guest.name}),
        Turn("tool", f"{guest.id}: {guest.name}", "find_customer", effects=(guest.customer,)),
    )


def _booked(guest: Guest) -> Turn:
    record = {
        "customer": guest.id,
        "route": guest.route,
        "day": guest.day,
        "cabin": guest.cabin,
        "fare": guest.fare,
        "ship": SHIPS[guest.fare % len(SHIPS)],
        "status": "confirmed",
        "vehicles": [],
    }
    effect = Effect(BOOKINGS, guest.booking, record)
    return Turn("tool", f"Booking {guest.booking} confirmed.", "book", effects=(effect,))


def _books(guest: Guest) -> tuple[str, tuple[Turn, ...]]:
    wanted = {"route": guest.route, "day": guest.day, "cabin": guest.cabin}
    return "booking", (
        Turn("user", f"I am {guest.name}. One {guest.cabin}, {guest.route}, on {guest.day}."),
        *_looked_up(guest),
        Turn("assistant", "", "search_sailings", wanted),
        Turn("tool", f"One sailing, {guest.fare} crowns.", "search_sailings"),
        Turn("assistant", f"There is a {guest.cabin} for {guest.fare} crowns. Shall I book it?"),
        Turn("user", "Yes, please."),
        Turn("assistant", "", "book", {"customer": guest.id, **wanted}),
        _booked(guest),
        Turn("assistant", f"Done: {guest.booking}. The gate closes 40 minutes before departure."),
    )


def _moves(guest: Guest) -> tuple[str, tuple[Turn, ...]]:
    later = f"{guest.day[:8]}{int(guest.day[8:]) - 7:02d}"
    moved = Effect(BOOKINGS, guest.booking, {"day": later, "status": "rebooked"})
    return "rebooking", (
        Turn("user", f"{guest.name} here. Can {guest.booking} sail a week earlier?"),
        *_looked_up(guest),
        _booked(guest),
        Turn("assistant", f"There is room on {later}, at the same fare."),
        Turn("user", "Then move it."),
        Turn("assistant", "", "move", {"booking": guest.booking, "day": later}),
        Turn("tool", f"{guest.booking} moved to {later}.", "move", effects=(moved,)),
        Turn("assistant", f"{guest.booking} now sails on {later}."),
    )


def _cancels(guest: Guest) -> tuple[str, tuple[Turn, ...]]:
    back = round(guest.fare * 0.8)
    cancelled = Effect(BOOKINGS, guest.booking, {"status": "cancelled"})
    refund = Effect(REFUNDS, guest.booking, {"crowns": back, "to": guest.id, "state": "requested"})
    paid = Effect(REFUNDS, guest.booking, {"state": "paid"})
    return "refund", (
        Turn("user", f"I have to cancel {guest.booking}. My name is {guest.name}."),
        *_looked_up(guest),
        _booked(guest),
        Turn("assistant", f"Cancelling gives back {back} of {guest.fare} crowns. Go on?"),
        Turn("user", "Go on."),
        Turn("assistant", "", "cancel", {"booking": guest.booking}),
        Turn("tool", f"{guest.booking} cancelled.", "cancel", effects=(cancelled, refund)),
        Turn("assistant", "", "pay_refund", {"booking": guest.booking, "crowns": back}),
        Turn("tool", f"{back} crowns paid.", "pay_refund", effects=(paid,)),
        Turn("assistant", f"{back} crowns are on their way to you."),
    )


def _adds_a_car(guest: Guest) -> tuple[str, tuple[Turn, ...]]:
    loaded = Effect(
        BOOKINGS, guest.booking, {"vehicles": [{"kind": "car", "metres": 4.5}], "status": "changed"}
    )
    return "vehicle", (
        Turn("user", f"May I bring a car on {guest.booking}?"),
        *_looked_up(guest),
        _booked(guest),
        Turn("assistant", "", "add_vehicle", {"booking": guest.booking, "metres": 4.5}),
        Turn("tool", "One car of 4.5 m.", "add_vehicle", effects=(loaded,)),
        Turn("assistant", "Your car has a place on deck 3. Please arrive an hour early."),
    )


def _complains(guest: Guest) -> tuple[str, tuple[Turn, ...]]:
    voucher = Effect(CUSTOMERS, guest.id, {"voucher": 25, "reason": "late arrival"})
    return "complaint", (
        Turn("user", f"{guest.name}. The ship was two hours late and I missed my train!"),
        *_looked_up(guest),
        _booked(guest),
        Turn("assistant", "I am sorry. Let me see what I may offer.", "", {}),
        Turn("assistant", "", "grant_voucher", {"customer": guest.id, "crowns": 25}),
        Turn("tool", "Voucher of 25 crowns noted.", "grant_voucher", effects=(voucher,)),
        Turn("assistant", "A voucher of 25 crowns is in your account."),
    )
