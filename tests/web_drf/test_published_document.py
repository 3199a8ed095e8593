"""The published OpenAPI document of the control plane."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_3_1_and_knows_both_ways_in(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {"bearer", "session"} <= set(document["components"]["securitySchemes"])


def test_every_operation_may_answer_a_problem_and_has_a_name_of_its_own(
    document: dict[str, Any],
) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(names) == len(set(names)) > 20
    for _, _, operation in operations(document):
        content = operation["responses"]["default"]["content"]
        assert list(content) == ["application/problem+json"]


def test_every_unsafe_operation_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        takes = any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", []))
        assert takes == (method != "get"), (method, path)


def test_no_answer_shows_what_is_kept_of_a_secret(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert not {"secret_hash", "password"} & set(schema.get("properties", {})) or (
            name.endswith("Request")
        )


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("wanted", "begins"),
    [
        ("*/*", b'{"openapi"'),
        ("application/json", b'{"openapi"'),
        ("application/vnd.oai.openapi+json", b'{"openapi"'),
        ("application/yaml", b"openapi:"),
        ("application/vnd.oai.openapi", b"openapi:"),
    ],
)
def test_it_is_given_in_the_form_that_is_asked_for(wanted: str, begins: bytes) -> None:
    answer = Client().get("/api/schema", headers={"Accept": wanted})

    assert answer.status_code == 200
    assert answer.content.replace(b" ", b"").replace(b"\n", b"").startswith(begins)


@pytest.mark.usefixtures("database")
def test_it_needs_no_credential_and_minds_no_wrong_one() -> None:
    answer = Client().get("/api/schema", headers={"Authorization": "Bearer sw_nobody_secret"})

    assert answer.status_code == 200
