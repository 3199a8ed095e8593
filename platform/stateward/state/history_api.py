"""Checkpoints, comparisons and restores over REST: parse, one service or query, render."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from stateward.kernel.clock import rfc3339
from stateward.kernel.errors import Fault, Malformed
from stateward.state.cuts import Cut, cut_now, parse_moment, settle_moment
from stateward.state.exceptions import NoSuchCheckpoint
from stateward.state.past import Difference, compare_cuts
from stateward.state.rendering import principal_body
from stateward.state.services.checkpoints import (
    Checkpoint,
    delete_checkpoint,
    find_checkpoint,
    list_checkpoints,
    make_checkpoint,
)
from stateward.state.services.restoring import Restored, restore_cut
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView


class NewCheckpointSerializer(StrictSerializer):
    label = serializers.CharField(min_length=1, max_length=200)  # type: ignore[assignment]  # ours is the member of that name


class CheckpointSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    namespace = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as above
    at = serializers.CharField()
    position = serializers.CharField()
    made_by = serializers.DictField()


class DifferenceSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    change = serializers.ChoiceField(choices=("created", "changed", "deleted"))
    from_version = serializers.IntegerField(allow_null=True)
    to_version = serializers.IntegerField(allow_null=True)
    kept = serializers.BooleanField()
    patch = serializers.ListField(allow_null=True)
    labels = serializers.DictField(allow_null=True)


class DifferencesSerializer(serializers.Serializer[Any]):
    from_position = serializers.CharField()
    to_position = serializers.CharField()
    items = DifferenceSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class RestoreSerializer(StrictSerializer):
    dry_run = serializers.BooleanField(required=False, default=False)
    cursor = serializers.CharField(required=False, allow_null=True, default=None)


class RestoreToSerializer(RestoreSerializer):
    as_of = serializers.CharField()


class RestoredEntrySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    change = serializers.ChoiceField(choices=("created", "changed", "deleted"))
    version = serializers.IntegerField(allow_null=True)
    from_version = serializers.IntegerField(allow_null=True)


class RestoredSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    position = serializers.CharField()
    items = RestoredEntrySerializer(many=True)
    lost = serializers.ListField(child=serializers.CharField())
    next_cursor = serializers.CharField(allow_null=True)


class CheckpointsView(ApiView):
    @extend_schema(
        operation_id="list_checkpoints",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor")],
        responses=page_of(CheckpointSerializer),
    )
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        cursor = request.query_params.get("cursor")
        before = None if cursor is None else _uuid(decode_cursor(cursor, length=1)[0])
        found, following = list_checkpoints(
            request.actor, request.call, name, before=before, limit=limit_of(request)
        )
        return page(
            [_checkpoint(one) for one in found],
            encode_cursor([str(following)]) if following else None,
        )

    @extend_schema(
        operation_id="make_checkpoint",
        request=NewCheckpointSerializer,
        responses={201: CheckpointSerializer},
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        label = self.read(NewCheckpointSerializer)["label"]
        made = make_checkpoint(request.actor, request.call, name, label)
        location = f"/api/v1/namespaces/{name}/checkpoints/{made.id}"
        return Response(_checkpoint(made), status=201, headers={"Location": location})


class CheckpointView(ApiView):
    @extend_schema(operation_id="get_checkpoint", responses=CheckpointSerializer)
    def get(self, request: ActorRequest, name: str, checkpoint: str) -> Response:
        known_parameters(request)
        return Response(_checkpoint(_found(request, name, checkpoint)))

    @extend_schema(operation_id="delete_checkpoint", responses={204: None})
    def delete(self, request: ActorRequest, name: str, checkpoint: str) -> Response:
        known_parameters(request)
        delete_checkpoint(request.actor, request.call, name, _id(checkpoint))
        return Response(status=204)


COMPARED = [
    OpenApiParameter("prefix"),
    OpenApiParameter("patch", bool),
    OpenApiParameter("limit", int),
    OpenApiParameter("cursor"),
]


class CheckpointDiffView(ApiView):
    @extend_schema(
        operation_id="compare_checkpoint",
        parameters=[OpenApiParameter("to"), *COMPARED],
        responses=DifferencesSerializer,
    )
    def get(self, request: ActorRequest, name: str, checkpoint: str) -> Response:
        known_parameters(request, "to", "prefix", "patch")
        before = _found(request, name, checkpoint).cut
        return _compared(request, name, before, request.query_params.get("to", "now"))


class NamespaceDiffView(ApiView):
    @extend_schema(
        operation_id="compare_namespace",
        parameters=[
            OpenApiParameter("from", required=True), OpenApiParameter("to"), *COMPARED,
        ],
        responses=DifferencesSerializer,
    )  # fmt: skip
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request, "from", "to", "prefix", "patch")
        query = request.query_params
        if "from" not in query:
            raise Malformed("from is needed.", errors=(Fault("", "from is needed"),))
        before = _moment(request, name, query["from"], "from")
        return _compared(request, name, before, query.get("to", "now"))


class CheckpointRestoreView(ApiView):
    @extend_schema(
        operation_id="restore_checkpoint", request=RestoreSerializer, responses=RestoredSerializer
    )
    def post(self, request: ActorRequest, name: str, checkpoint: str) -> Response:
        asked = self.read_optional(RestoreSerializer)
        found = _found(request, name, checkpoint)
        because = {"checkpoint": str(found.id), "label": found.label}
        return _restored(request, name, found.cut, asked, because)


class NamespaceRestoreView(ApiView):
    @extend_schema(
        operation_id="restore_namespace", request=RestoreToSerializer, responses=RestoredSerializer
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        asked = self.read(RestoreToSerializer)
        cut = _moment(request, name, asked["as_of"], "as_of")
        return _restored(request, name, cut, asked, {"as_of": rfc3339(cut.until or cut.when)})


def _restored(
    request: ActorRequest, name: str, cut: Cut, asked: dict[str, Any], because: dict[str, Any]
) -> Response:
    after, cursor = "", asked.get("cursor")
    if cursor is not None:
        after = str(decode_cursor(cursor, length=1)[0] or "")
    dry_run = asked.get("dry_run", False)
    done = restore_cut(
        request.actor, request.call, name, cut, after=after, dry_run=dry_run, because=because
    )
    return Response(restored_body(done, dry_run=dry_run))


def restored_body(done: Restored, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "position": done.cut.position,
        "items": [item._asdict() for item in done.items],
        "lost": done.lost,
        "next_cursor": encode_cursor([done.next_after]) if done.next_after is not None else None,
    }


def _compared(request: ActorRequest, name: str, before: Cut, to: str) -> Response:
    """A page of differences. Its cursor keeps both cuts: all pages are of one comparison."""
    after, query = "", request.query_params
    if "cursor" in query:
        key, first, second = decode_cursor(query["cursor"], length=3)
        after = str(key or "")
        before, there = _position(first), _position(second)
    else:
        there = _moment(request, name, to, "to")
    patch = query.get("patch", "true")
    if patch not in {"true", "false"}:
        raise Malformed("patch is true or false.", errors=(Fault("", "the parameter patch"),))
    found = run_flow(
        compare_cuts(
            request.actor, request.call, name, before, there, prefix=query.get("prefix", ""),
            after=after, limit=limit_of(request), with_patches=patch == "true",
        )
    )  # fmt: skip
    places = [before.position, there.position]
    following = encode_cursor([found.next_after, *places]) if found.next_after is not None else None
    body = {
        "from_position": places[0],
        "to_position": places[1],
        "items": [difference_body(item) for item in found.items],
        "next_cursor": following,
    }
    return Response(body)


def difference_body(item: Difference) -> dict[str, Any]:
    labels = None if item.labels is None else {"from": item.labels[0], "to": item.labels[1]}
    return {
        "key": item.key,
        "change": item.change,
        "from_version": item.before_version,
        "to_version": item.version,
        "kept": item.is_kept,
        "patch": item.patch,
        "labels": labels,
    }


def _moment(request: ActorRequest, name: str, text: str, parameter: str) -> Cut:
    """``now``, a time, a position, or the id of a checkpoint."""
    if text == "now":
        return run_flow(cut_now())
    try:
        checkpoint = UUID(text)
    except ValueError:
        return run_flow(settle_moment(parse_moment(text, name=parameter)))
    return find_checkpoint(request.actor, request.call, name, checkpoint).cut


def _position(text: Any) -> Cut:
    moment = parse_moment(text, name="cursor") if isinstance(text, str) else None
    if not isinstance(moment, Cut):
        raise Malformed("The cursor is not one that was given out here.")
    return moment


def _found(request: ActorRequest, name: str, checkpoint: str) -> Checkpoint:
    return find_checkpoint(request.actor, request.call, name, _id(checkpoint))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchCheckpoint from None


def _uuid(text: Any) -> UUID:
    try:
        return UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise Malformed("The cursor is not one that was given out here.") from None


def _checkpoint(one: Checkpoint) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "namespace": one.namespace,
        "label": one.label,
        "at": rfc3339(one.at),
        "position": one.cut.position,
        "made_by": principal_body(one.made_by),
    }
