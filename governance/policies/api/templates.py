"""Policies to begin from, and those nothing meets, over REST."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.policies.building import (
    Condition,
    RuleForm,
    check_form,
    form_of_text,
    text_of_form,
)
from governance.policies.serializers import (
    FormAnswerSerializer,
    PolicyTemplatesSerializer,
    PolicyTextSerializer,
    RuleFormSerializer,
    SlotsSerializer,
    UnmatchedSerializer,
)
from governance.policies.services import check_text
from governance.policies.templates import TEMPLATES, Template, fill, find_template
from governance.policies.unmatched import unmatched
from stateward.gate.policy.permits import permit, whole_tenant
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView

USUAL_DAYS = 30


class TemplatesView(ApiView):
    @extend_schema(operation_id="list_policy_templates", responses=PolicyTemplatesSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "policy.draft", whole_tenant(request.actor))
        return Response({"items": [template_body(one) for one in TEMPLATES]})


class TemplateTextView(ApiView):
    """A template's text with its slots filled; nothing is saved."""

    @extend_schema(
        operation_id="fill_policy_template",
        request=SlotsSerializer,
        responses=PolicyTextSerializer,
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        permit(request.actor, request.call, "policy.draft", whole_tenant(request.actor))
        slots = self.read(SlotsSerializer)["slots"]
        return Response({"text": fill(find_template(name), slots)})


class FormView(ApiView):
    """A text as the form that says the same; null where only a text can say it."""

    @extend_schema(
        operation_id="read_policy_form",
        request=PolicyTextSerializer,
        responses=FormAnswerSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        permit(request.actor, request.call, "policy.draft", whole_tenant(request.actor))
        form = form_of_text(self.read(PolicyTextSerializer)["text"])
        return Response({"form": asdict(form) if form is not None else None})


class FormTextView(ApiView):
    """A form as the text that says the same; nothing is saved."""

    @extend_schema(
        operation_id="write_policy_form",
        request=RuleFormSerializer,
        responses=PolicyTextSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        permit(request.actor, request.call, "policy.draft", whole_tenant(request.actor))
        fields = self.read(RuleFormSerializer)
        conditions = [
            tuple(Condition(**one | {"values": tuple(one["values"])}) for one in fields.pop(name))
            for name in ("conditions", "exceptions")
        ]
        form = RuleForm(**fields | {"actions": tuple(fields["actions"])})
        form = replace(form, conditions=conditions[0], exceptions=conditions[1])
        check_form(form)
        text = text_of_form(form)
        check_text(text)
        return Response({"text": text})


class UnmatchedView(ApiView):
    """Policies in force that no decision of the last days names."""

    @extend_schema(
        operation_id="list_unmatched_policies",
        parameters=[OpenApiParameter("days", int, description="By default 30.")],
        responses=UnmatchedSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "days")
        said = request.query_params.get("days", str(USUAL_DAYS))
        if not (said.isascii() and said.isdigit() and len(said) < 6):
            raise Malformed("days is a whole number.", errors=(Fault("", "days is odd"),))
        found = unmatched(request.actor, request.call, days=int(said))
        items = [
            {
                "policy": str(one.policy.id),
                "name": one.policy.name,
                "version": one.version.number,
                "level": one.level,
                "sha256": one.version.sha256,
                "since": rfc3339(one.since),
            }
            for one in found.policies
        ]
        looked = {"since": rfc3339(found.since), "records": found.records}
        return Response(looked | {"items": items})


def template_body(one: Template) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "says": one.says,
        "slots": [
            {"name": slot.name, "title": slot.title, "kind": slot.kind, "example": slot.example}
            for slot in one.slots
        ],
    }
