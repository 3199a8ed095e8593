"""Sinks over REST: parse, one service or query, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from governance.evidence.acts import permit_reading
from governance.sinks import services
from governance.sinks.models import Sink
from governance.sinks.queries import Standing, find_sink, standing_of, standings
from governance.sinks.serializers import (
    MadeSinkSerializer,
    NewSinkSerializer,
    SinkChangesSerializer,
    SinkPlaceSerializer,
    SinkSerializer,
    SinksSerializer,
    SinkTestSerializer,
)
from stateward.kernel.clock import rfc3339
from stateward.web.drf.pages import known_parameters
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import ApiView


class SinksView(ApiView):
    secret_members = ("secret",)

    @extend_schema(operation_id="list_sinks", responses=SinksSerializer)
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        return Response({"items": [sink_body(one) for one in standings(request.actor.tenant_id)]})

    @extend_schema(
        operation_id="create_sink", request=NewSinkSerializer, responses={201: MadeSinkSerializer}
    )
    def post(self, request: ActorRequest) -> Response:
        fields = self.read(NewSinkSerializer)
        sink, secret = services.create_sink(request.actor, request.call, **fields)
        body = _made(sink, secret)
        return Response(body, status=201, headers={"Location": f"/api/v1/audit/sinks/{sink.id}"})


class SinkView(ApiView):
    secret_members = ("secret",)

    @extend_schema(operation_id="get_sink", responses=SinkSerializer)
    def get(self, request: ActorRequest, sink_id: UUID) -> Response:
        known_parameters(request)
        permit_reading(request.actor, request.call)
        return Response(sink_body(standing_of(find_sink(request.actor.tenant_id, sink_id))))

    @extend_schema(
        operation_id="change_sink", request=SinkChangesSerializer, responses=MadeSinkSerializer
    )
    def patch(self, request: ActorRequest, sink_id: UUID) -> Response:
        fields = self.read(SinkChangesSerializer)
        sink, secret = services.change_sink(request.actor, request.call, sink_id, fields)
        return Response(_made(sink, secret))

    @extend_schema(operation_id="remove_sink", request=None, responses={204: None})
    def delete(self, request: ActorRequest, sink_id: UUID) -> Response:
        services.remove_sink(request.actor, request.call, sink_id)
        return Response(status=204)


class PauseView(ApiView):
    @extend_schema(operation_id="pause_sink", request=None, responses=SinkSerializer)
    def put(self, request: ActorRequest, sink_id: UUID) -> Response:
        sink = services.pause_sink(request.actor, request.call, sink_id)
        return Response(sink_body(standing_of(sink)))

    @extend_schema(operation_id="resume_sink", request=None, responses=SinkSerializer)
    def delete(self, request: ActorRequest, sink_id: UUID) -> Response:
        sink = services.resume_sink(request.actor, request.call, sink_id)
        return Response(sink_body(standing_of(sink)))


class PlaceView(ApiView):
    """From where on a sink is delivered to."""

    @extend_schema(operation_id="move_sink", request=SinkPlaceSerializer, responses=SinkSerializer)
    def put(self, request: ActorRequest, sink_id: UUID) -> Response:
        place = self.read(SinkPlaceSerializer)["place"]
        sink = services.move_sink(request.actor, request.call, sink_id, place)
        return Response(sink_body(standing_of(sink)))


class TestView(ApiView):
    """The worker sends a line that is no record; how it went stands at the sink."""

    @extend_schema(operation_id="test_sink", request=None, responses={202: SinkTestSerializer})
    def post(self, request: ActorRequest, sink_id: UUID) -> Response:
        run_id = services.try_sink(request.actor, request.call, sink_id)
        return Response({"run_id": str(run_id)}, status=202)


def _made(sink: Sink, secret: str) -> dict[str, Any]:
    return sink_body(standing_of(sink)) | {"secret": secret or None}


def sink_body(standing: Standing) -> dict[str, Any]:
    sink = standing.sink
    return {
        "id": str(sink.id),
        "name": sink.name,
        "kind": sink.kind,
        "format": sink.format,
        "settings": sink.settings,
        "with_payload": sink.with_payload,
        "state": sink.state,
        "condition": standing.condition,
        "place": sink.cursor,
        "behind": standing.behind,
        "lag_seconds": round(standing.lag.total_seconds(), 3),
        "checkpoint_size": sink.checkpoint_size,
        "checkpoint_at": _time(sink.checkpoint_at),
        "delivered_at": _time(sink.delivered_at),
        "failing_since": _time(sink.failing_since),
        "next_at": rfc3339(sink.next_at),
        "attempts": sink.attempts,
        "said": sink.said,
        "answer": sink.answer,
        "tested_at": _time(sink.tested_at),
        "test_said": sink.test_said,
        "created_at": rfc3339(sink.created_at),
        "created_by": sink.created_by,
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
