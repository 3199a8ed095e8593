"""What rules come to, over REST: the preview, one key, the proofs of what was deleted."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.retention.acts import resource_for
from governance.retention.api.rules import PAGE, terms_of, uuid_cursor
from governance.retention.applying import applied_to_key
from governance.retention.batches import LAST, Batch, purge_batches
from governance.retention.preview import Draft, body, preview, sample_body
from governance.retention.serializers import (
    PreviewRequestSerializer,
    PreviewSerializer,
    PurgeBatchSerializer,
    ResolutionSerializer,
)
from governance.retention.terms import NEVER, Scope
from stateward.gate.policy.permits import permit
from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.exceptions import NoSuchEntry
from stateward.state.naming import check_key
from stateward.state.queries import entry_history
from stateward.state.services.namespaces import find_namespace
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import page_of
from stateward.web.drf.views import ApiView


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
        limit, before = limit_of(request), uuid_cursor(request)
        found = run_flow(
            purge_batches(request.actor.tenant_id, before=before or LAST, limit=limit + 1)
        )
        following = found[limit - 1].id if len(found) > limit else None
        items = [batch_body(one) for one in found[:limit]]
        return page(items, encode_cursor([str(following)]) if following else None)


def batch_body(batch: Batch) -> dict[str, Any]:
    fields = batch._asdict()
    for name in ("id", "run_id", "rule_id", "record_id"):
        fields[name] = str(fields[name]) if fields[name] else None
    for name in ("at", "holds_checked_at"):
        fields[name] = rfc3339(fields[name])
    fields["rule"] = fields.pop("rule_name")
    fields["ids_sha256"] = batch.ids_sha256.hex()
    return fields
