"""Subject requests over REST: as documented, for whom it is, and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from governance.privacy.models import SubjectRequest
from stateward.operations.jobs.services import run_here
from tests.factories.api import Api, Browser
from tests.factories.approvals import set_number
from tests.factories.privacy import Office, make_office
from tests.factories.tenants import make_member, make_person

MIA = "mia.li@example.com"
ASK = {"reference": "case 1", "identifiers": [{"kind": "email", "value": "Mia.Li@Example.com"}]}
PLACES = {"kind": "email", "source": "value", "path": "/email"}


@pytest.fixture
def owner(office: Office) -> Api:
    return Api(office.keeper.member)


def received(office: Office, owner: Api, kind: str, **said: Any) -> dict[str, Any]:
    """A request of this kind whose search is over."""
    owner("POST", "/privacy/declarations", PLACES)
    made = owner("POST", "/privacy/requests", {"kind": kind, **ASK, **said})
    assert made.status_code == 201, made.json()
    office.index()
    body: dict[str, Any] = owner("GET", f"/privacy/requests/{made.json()['id']}").json()
    return body


def test_a_request_is_received_with_its_deadline_and_shows_hints_only(
    office: Office, owner: Api
) -> None:
    body = received(office, owner, "access")

    due = datetime.fromisoformat(body["due_at"]) - datetime.fromisoformat(body["received_at"])
    assert (due, body["state"], body["found"]) == (timedelta(days=30), "ready", 0)
    assert body["identifiers"] == [{"kind": "email", "hint": "m…i@e…m"}]
    assert owner("GET", "/privacy/requests").json()["items"] == [body]
    assert owner("GET", "/privacy/index").json()["complete_to"] > body["received_at"]
    events = owner("GET", f"/privacy/requests/{body['id']}/history").json()["items"]
    assert [one["event"] for one in events] == ["found", "received"]


def test_what_is_not_taken_says_where(owner: Api) -> None:
    def pointer(path: str, body: dict[str, Any]) -> Any:
        answer = owner("POST", path, body)
        return answer.status_code, answer.json()["errors"][0]["pointer"]

    assert pointer("/privacy/requests", ASK | {"kind": "forget"}) == (422, "/kind")
    nobody = ASK | {"kind": "access", "identifiers": []}
    assert pointer("/privacy/requests", nobody) == (422, "/identifiers")
    blank = ASK | {"kind": "access", "identifiers": [{"kind": "email", "value": " "}]}
    assert pointer("/privacy/requests", blank)[1].startswith("/identifiers/0/value")
    assert pointer("/privacy/declarations", PLACES | {"path": "email"}) == (422, "/path")
    key = PLACES | {"source": "key", "path": "customer"}
    assert pointer("/privacy/declarations", key) == (422, "/path")


def test_a_copy_holds_every_version_and_is_recorded(office: Office, owner: Api) -> None:
    office.keeper.world.put("a", {"email": MIA, "n": 1})
    office.keeper.world.put("a", {"email": MIA, "n": 2})
    access = received(office, owner, "access")
    path = f"/privacy/requests/{access['id']}"

    lines = lines_of(owner("GET", f"{path}/copy"))

    assert [(one["version"], one["is_current"], one["value"]["n"]) for one in lines] == [
        (2, True, 2), (1, False, 1),
    ]  # fmt: skip
    done = owner("POST", f"{path}/answer", {"reason": "Sent by post."}).json()
    assert done["state"] == "done"
    events = owner("GET", f"{path}/history").json()["items"]
    assert [one["event"] for one in events] == ["done", "disclosed", "found", "received"]
    portable = received(office, owner, "portability")
    copy = lines_of(owner("GET", f"/privacy/requests/{portable['id']}/copy"))
    assert [one["version"] for one in copy] == [2]


def lines_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_restricted_person_is_read_for_the_purpose_alone(office: Office, owner: Api) -> None:
    world = office.keeper.world
    world.put("a", {"email": MIA})
    asked = received(office, owner, "restriction", purpose="legal-claims")
    path = f"/privacy/requests/{asked['id']}"

    done = owner("PUT", f"{path}/restriction").json()

    assert (done["state"], done["restricted"]) == ("waiting", 1)
    world.put("new", {"email": MIA})
    office.index()
    assert owner("GET", path).json()["restricted"] == 2
    lifted = owner("POST", f"{path}/restriction/end", {"reason": "The claim is settled."}).json()
    assert (lifted["state"], lifted["restricted"]) == ("done", 0)


def test_an_erasure_is_seen_agreed_to_carried_out_and_certified(
    office: Office, owner: Api, sealed: Callable[[SubjectRequest], dict[str, Any]]
) -> None:
    office.keeper.world.put("a", {"email": MIA})
    asked = received(office, owner, "erasure")
    path = f"/privacy/requests/{asked['id']}"
    other = make_member(office.keeper.world.tenant, "owner", person=make_person(name="Omar"))
    preview = owner("GET", f"{path}/preview").json()
    assert (preview["entries"], preview["due"]) == (1, 1)
    refused = owner("POST", f"{path}/erasure")
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")

    wanted = owner("POST", f"{path}/erasure/approval", {"reason": "She asked."}).json()
    vote = {"verdict": "approve", "sha256": wanted["sha256"]}
    voted = Browser(other)("POST", f"/approvals/{wanted['id']}/votes", vote)

    assert voted.status_code == 201, voted.json()
    assert owner("GET", path).json()["state"] == "working"
    tenant_id = office.keeper.tenant_id
    run_here("privacy.erase", tenant_id=tenant_id, params={"request": asked["id"]})
    body = owner("GET", path).json()
    assert (body["state"], body["erased"], body["has_certificate"]) == ("done", 1, True)
    certificate = owner("GET", f"{path}/certificate")
    assert certificate.content.decode().startswith("Stateward certificate of a subject request")


def test_the_answer_is_put_off_once_and_with_a_reason(office: Office, owner: Api) -> None:
    path = f"/privacy/requests/{received(office, owner, 'access')['id']}"

    extended = owner("POST", f"{path}/extension", {"reason": "Nine systems are searched."})
    again = owner("POST", f"{path}/extension", {"reason": "And more."})

    due = datetime.fromisoformat(extended.json()["due_at"])
    received_at = datetime.fromisoformat(extended.json()["received_at"])
    assert due - received_at == timedelta(days=90)
    assert (again.status_code, again.json()["code"]) == (409, "subject_request_extended")


def test_a_refused_request_is_over(office: Office, owner: Api) -> None:
    path = f"/privacy/requests/{received(office, owner, 'erasure')['id']}"

    ended = owner("POST", f"{path}/end", {"state": "refused", "reason": "Not identified."})
    again = owner("POST", f"{path}/end", {"state": "withdrawn", "reason": "Twice."})

    assert ended.json()["state"] == "refused"
    assert (again.status_code, again.json()["code"]) == (409, "subject_request_over")


def test_rights_are_apart_and_another_tenant_sees_nothing(office: Office, owner: Api) -> None:
    set_number(office.keeper.tenant_id, "subject.erase", 0)
    path = f"/privacy/requests/{received(office, owner, 'erasure')['id']}"
    tenant = office.keeper.world.tenant
    auditor = Api(make_member(tenant, "auditor", person=make_person(name="Ada")))
    admin = Api(make_member(tenant, "admin", person=make_person(name="Ben")))
    writer = Api(office.keeper.world.agent)
    stranger = Api(make_office().keeper.member)

    assert auditor("GET", path).status_code == 200
    assert auditor("POST", f"{path}/end", {"state": "refused", "reason": "x"}).status_code == 403
    assert admin("POST", f"{path}/erasure").status_code == 403
    assert admin("GET", f"{path}/copy").status_code == 403
    assert writer("GET", "/privacy/requests").status_code == 403
    assert stranger("GET", path).status_code == 404
    assert stranger("POST", f"{path}/erasure").status_code == 404
    assert stranger("GET", "/privacy/requests").json()["items"] == []
