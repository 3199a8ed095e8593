"""Retention rules over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.approvals.serializers import ApprovalSerializer, approval_body
from governance.retention.models import RetentionVersion
from governance.retention.queries import (
    RuleState,
    database_time,
    readable_rules,
    rule_state,
)
from governance.retention.serializers import (
    EndRuleSerializer,
    LooseningSerializer,
    NewRuleSerializer,
    NewRuleVersionSerializer,
    RetentionRuleSerializer,
    RetentionTermsSerializer,
)
from governance.retention.services.rules import (
    ask_to_loosen,
    change_rule,
    create_rule,
    end_rule,
)
from governance.retention.terms import Scope, Terms
from governance.retention.versions import Written
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Malformed
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView

PAGE = [OpenApiParameter("limit", int), OpenApiParameter("cursor")]


class RulesView(ApiView):
    @extend_schema(
        operation_id="list_retention_rules",
        parameters=PAGE,
        responses=page_of(RetentionRuleSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        limit, after = limit_of(request), uuid_cursor(request)
        rules = [
            one
            for one in readable_rules(request.actor, request.call, database_time())
            if after is None or one.rule.id > after
        ]
        following = rules[limit - 1].rule.id if len(rules) > limit else None
        items = [rule_body(one) for one in rules[:limit]]
        return page(items, encode_cursor([str(following)]) if following else None)

    @extend_schema(
        operation_id="create_retention_rule",
        request=NewRuleSerializer,
        responses={201: RetentionRuleSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewRuleSerializer)
        made = create_rule(
            request.actor,
            request.call,
            name=fields["name"],
            terms=terms_of(fields),
            note=fields["note"],
        )
        location = f"/api/v1/retention/rules/{made.rule.id}"
        return Response(rule_body(made), status=201, headers={"Location": location})


class LooseningView(ApiView):
    """Ask the others who must agree before a rule deletes sooner."""

    @extend_schema(
        operation_id="ask_to_loosen_retention_rule",
        request=LooseningSerializer,
        responses={201: ApprovalSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(LooseningSerializer)
        terms = terms_of(fields["terms"]) if fields["terms"] is not None else None
        asked = ask_to_loosen(
            request.actor,
            request.call,
            name=fields["name"],
            terms=terms,
            summary=loosening_said(fields["name"], terms),
            reason=fields["reason"],
        )
        location = f"/api/v1/approvals/{asked.id}"
        return Response(approval_body(asked), status=201, headers={"Location": location})


def loosening_said(name: str, terms: Terms | None) -> str:
    """The change in a sentence, for whoever agrees."""
    if terms is None:
        return f"The retention rule {name} ends."
    does = "deletes" if terms.kind == "delete" else "keeps for"
    where = terms.scope.namespace or "every namespace"
    return f"The retention rule {name} {does} {terms.days} days after {terms.clock}, in {where}."


class RuleView(ApiView):
    @extend_schema(operation_id="get_retention_rule", responses=RetentionRuleSerializer)
    def get(self, request: ActorRequest, rule_id: UUID) -> Response:
        known_parameters(request)
        return Response(
            rule_body(rule_state(request.actor, request.call, rule_id, database_time()))
        )

    @extend_schema(
        operation_id="end_retention_rule",
        request=EndRuleSerializer,
        responses=RetentionRuleSerializer,
        description="Ends the rule; the answer says from when.",
    )
    def delete(self, request: ActorRequest, rule_id: UUID) -> Response:
        note = self.read_optional(EndRuleSerializer).get("note", "")
        return Response(rule_body(end_rule(request.actor, request.call, rule_id, note=note)))


class RuleVersionsView(ApiView):
    @extend_schema(
        operation_id="list_retention_rule_versions",
        parameters=PAGE,
        responses=page_of(RetentionTermsSerializer),
    )
    def get(self, request: ActorRequest, rule_id: UUID) -> Response:
        known_parameters(request)
        state = rule_state(request.actor, request.call, rule_id, database_time())
        limit, before = limit_of(request), _number_cursor(request)
        found = [one for one in reversed(state.versions) if before is None or one.number < before]
        following = found[limit - 1].number if len(found) > limit else None
        items = [version_body(one) for one in found[:limit]]
        return page(items, encode_cursor([following]) if following else None)

    @extend_schema(
        operation_id="change_retention_rule",
        request=NewRuleVersionSerializer,
        responses={201: RetentionRuleSerializer},
    )
    def post(self, request: ActorRequest, rule_id: UUID) -> Response:
        fields = self.read(NewRuleVersionSerializer)
        changed = change_rule(
            request.actor, request.call, rule_id, terms=terms_of(fields), note=fields["note"]
        )
        return Response(rule_body(changed), status=201)


def terms_of(fields: dict[str, Any]) -> Terms:
    scope = Scope(
        fields["namespace"], fields["key_pattern"], fields["classification"], fields["label"]
    )
    return Terms(fields["kind"], scope, fields["clock"], fields["days"], fields["erase_audit"])


def rule_body(state: RuleState) -> dict[str, Any]:
    return {
        "id": str(state.rule.id),
        "name": state.rule.name,
        "kind": state.rule.kind,
        "state": state.word,
        "in_force": _written_body(state, state.standing.in_force),
        "pending": _written_body(state, state.standing.pending),
        "created_at": rfc3339(state.rule.created_at),
    }


def _written_body(state: RuleState, written: Written | None) -> dict[str, Any] | None:
    found = [one for one in state.versions if written and one.number == written.number]
    return version_body(found[0]) if found else None


def version_body(version: RetentionVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "ends": version.is_end,
        "namespace": version.namespace,
        "key_pattern": version.key_pattern,
        "classification": version.classification,
        "label": version.label,
        "clock": version.clock,
        "days": version.days,
        "erase_audit": version.erase_audit,
        "note": version.note,
        "takes_effect_at": rfc3339(version.takes_effect_at),
        "created_at": rfc3339(version.created_at),
        "created_by": {
            "type": version.author_type,
            "id": str(version.author_id),
            "name": version.author_name,
        },
    }


def uuid_cursor(request: ActorRequest) -> UUID | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _number_cursor(request: ActorRequest) -> int | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    place = decode_cursor(cursor, length=1)[0]
    if not isinstance(place, int):
        raise Malformed("The cursor is not one that was given out here.")
    return place
