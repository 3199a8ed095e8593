"""Scans, and the rules they go by."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.classification import queries, services
from governance.classification.api.cursors import PAGE, before, paged
from governance.classification.serializers import (
    ClassificationRuleSerializer,
    ClassificationScanSerializer,
    ClassificationTermsSerializer,
    NewClassificationRuleSerializer,
    NewClassificationScanSerializer,
)
from stateward.web.drf.pages import known_parameters, limit_of
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView


class ScansView(ApiView):
    @extend_schema(
        operation_id="list_classification_scans",
        parameters=PAGE,
        responses=page_of(ClassificationScanSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found, following = queries.scans(
            request.actor, request.call, before=before(request), limit=limit_of(request)
        )
        return paged([ClassificationScanSerializer(one).data for one in found], following)

    @extend_schema(
        operation_id="start_classification_scan",
        request=NewClassificationScanSerializer,
        responses={202: ClassificationScanSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read_optional(NewClassificationScanSerializer)
        made = services.start_scan(request.actor, request.call, **fields)
        location = f"/api/v1/classification/scans/{made.id}"
        body = ClassificationScanSerializer(made).data
        return Response(body, status=202, headers={"Location": location})


class ScanView(ApiView):
    @extend_schema(operation_id="get_classification_scan", responses=ClassificationScanSerializer)
    def get(self, request: ActorRequest, scan_id: UUID) -> Response:
        known_parameters(request)
        found = services.find_scan(request.actor, request.call, scan_id)
        return Response(ClassificationScanSerializer(found).data)


class ScanCancelView(ApiView):
    @extend_schema(
        operation_id="cancel_classification_scan",
        request=None,
        responses={200: ClassificationScanSerializer},
    )
    def post(self, request: ActorRequest, scan_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        found = services.cancel_scan(request.actor, request.call, scan_id)
        return Response(ClassificationScanSerializer(found).data)


class RulesView(ApiView):
    """What is looked for where, and what follows; the rule of the longest name counts."""

    @extend_schema(
        operation_id="list_classification_rules",
        parameters=PAGE,
        responses=page_of(ClassificationRuleSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        found = queries.rules(request.actor, request.call)
        after, limit = before(request), limit_of(request)
        ids = [one.id for one in found]
        start = ids.index(after) + 1 if after in ids else 0
        items = [ClassificationRuleSerializer(one).data for one in found[start : start + limit]]
        is_more = len(found) > start + limit
        return paged(items, found[start + limit - 1].id if is_more else None)

    @extend_schema(
        operation_id="create_classification_rule",
        request=NewClassificationRuleSerializer,
        responses={201: ClassificationRuleSerializer},
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewClassificationRuleSerializer)
        made = services.set_rule(
            request.actor, request.call, fields, namespace=fields.pop("namespace")
        )
        location = f"/api/v1/classification/rules/{made.id}"
        body = ClassificationRuleSerializer(made).data
        return Response(body, status=201, headers={"Location": location})


class RuleView(ApiView):
    @extend_schema(
        operation_id="update_classification_rule",
        request=ClassificationTermsSerializer,
        responses=ClassificationRuleSerializer,
    )
    def patch(self, request: ActorRequest, rule_id: UUID) -> Response:
        fields = self.read(ClassificationTermsSerializer, partial=True)
        found = services.set_rule(request.actor, request.call, fields, rule_id=rule_id)
        return Response(ClassificationRuleSerializer(found).data)

    @extend_schema(operation_id="delete_classification_rule", request=None, responses={204: None})
    def delete(self, request: ActorRequest, rule_id: UUID) -> Response:
        known_parameters(request)
        services.drop_rule(request.actor, request.call, rule_id)
        return Response(status=204)
