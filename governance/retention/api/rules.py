"""Retention rules over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.retention.acts import permit, resource_for
from governance.retention.applying import applied_to_key
from governance.retention.batches import LAST, Batch, purge_batches
from governance.retention.models import RetentionVersion
from governance.retention.preview import Draft, body, preview, sample_body
from governance.retention.queries import (
    RuleState,
    database_time,
    readable_rules,
    rule_state,
)
from governance.retention.serializers import (
    EndRuleSerializer,
    NewRuleSerializer,
    NewRuleVersionSerializer,
    PreviewRequestSerializer,
    PreviewSerializer,
    PurgeBatchSerializer,
    ResolutionSerializer,
    RetentionRuleSerializer,
    RetentionTermsSerializer,
)
from governance.retention.services.rules import change_rule, create_rule, end_rule
from governance.retention.terms import NEVER, Scope, Terms
from governance.retention.versions import Written
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.exceptions import NoSuchEntry
from stateward.state.naming import check_key
from stateward.state.queries import entry_history
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.scope import run_flow
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
        limit, after = limit_of(request), _uuid_cursor(request)
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


class PreviewView(ApiView):
    """What the rules would delete today. Looking changes nothing."""

    @extend_schema(operation_id="preview_retention", responses=PreviewSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        return self._answer(request, None)

    @extend_schema(
        operation_id="preview_retention_rule",
        request=PreviewRequestSerializer,
        responses=PreviewSerializer,
    )
    def post(self, request: ActorRequest) -> Response:
        rule = self.read(PreviewRequestSerializer)["rule"]
        draft = Draft(terms_of(rule), rule_id=rule["replaces"]) if rule else None
        return self._answer(request, draft)

    def _answer(self, request: ActorRequest, draft: Draft | None) -> Response:
        found = preview(request.actor, request.call, draft=draft)
        answer = body(request.actor.tenant_slug, found.survey, found.unruled)
        answer["samples"] = [sample_body(found.survey, one) for one in found.samples]
        return Response(answer)


class ResolutionView(ApiView):
    """What applies to one key."""

    @extend_schema(
        operation_id="resolve_retention",
        parameters=[
            OpenApiParameter("namespace", required=True),
            OpenApiParameter("key", required=True),
        ],
        responses=ResolutionSerializer,
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "namespace", "key")
        query = request.query_params
        if "namespace" not in query or "key" not in query:
            raise Malformed(
                "Name a namespace and a key.",
                errors=(Fault("", "the parameters namespace and key are needed"),),
            )
        namespace = find_namespace(request.actor, request.call, query["namespace"])
        key = check_key(query["key"])
        permit(
            request.actor,
            request.call,
            "retention.read",
            resource_for(request.actor, Scope(namespace.name)),
        )
        run_flow(entry_history(request.actor, request.call, namespace.name, key, limit=1))
        applied = applied_to_key(namespace, key)
        if applied is None:
            raise NoSuchEntry
        verdict = applied.verdict
        until = verdict.retain_until
        return Response(
            {
                "namespace": namespace.name,
                "key": key,
                "becomes": verdict.state,
                "delete_at": rfc3339(verdict.delete_at) if verdict.delete_at else None,
                "rule": verdict.delete_by.name if verdict.delete_by else None,
                "retain_until": rfc3339(until) if until is not None and until != NEVER else None,
                "retained_by": verdict.retain_by.name if verdict.retain_by else None,
                "is_held": bool(applied.holds),
            }
        )


class BatchesView(ApiView):
    """The proofs of what was deleted."""

    @extend_schema(
        operation_id="list_purge_batches",
        parameters=PAGE,
        responses=page_of(PurgeBatchSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit(request.actor, request.call, "retention.read", resource_for(request.actor, Scope()))
        limit, before = limit_of(request), _uuid_cursor(request)
        found = run_flow(
            purge_batches(request.actor.tenant_id, before=before or LAST, limit=limit + 1)
        )
        following = found[limit - 1].id if len(found) > limit else None
        items = [batch_body(one) for one in found[:limit]]
        return page(items, encode_cursor([str(following)]) if following else None)


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


def batch_body(batch: Batch) -> dict[str, Any]:
    fields = batch._asdict()
    for name in ("id", "run_id", "rule_id", "record_id"):
        fields[name] = str(fields[name]) if fields[name] else None
    for name in ("at", "holds_checked_at"):
        fields[name] = rfc3339(fields[name])
    fields["rule"] = fields.pop("rule_name")
    fields["ids_sha256"] = batch.ids_sha256.hex()
    return fields


def _uuid_cursor(request: ActorRequest) -> UUID | None:
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
