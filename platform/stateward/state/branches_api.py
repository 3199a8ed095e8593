"""Branches over REST: parse, one service, render."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from stateward.kernel.clock import rfc3339
from stateward.state.services.branches import (
    Branch,
    Copied,
    MergedBranch,
    branches_of,
    fill_branch,
    find_branch,
    make_branch,
    merge_branch,
)
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView


class NewBranchSerializer(StrictSerializer):
    name = serializers.CharField(max_length=640, trim_whitespace=False)
    checkpoint = serializers.UUIDField(required=False, allow_null=True, default=None)


class BranchSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    parent = serializers.CharField()  # type: ignore[assignment]  # ours is the member of that name
    checkpoint = serializers.UUIDField(allow_null=True)
    base_at = serializers.CharField()
    created_at = serializers.CharField()


class FilledBranchSerializer(BranchSerializer):
    entries = serializers.IntegerField()
    lost = serializers.ListField(child=serializers.CharField())
    next_cursor = serializers.CharField(allow_null=True)


class FillBranchSerializer(StrictSerializer):
    cursor = serializers.CharField()


class MergeBranchSerializer(StrictSerializer):
    dry_run = serializers.BooleanField(required=False, default=False)
    prefer = serializers.ChoiceField(
        choices=("branch", "parent"), required=False, allow_null=True, default=None
    )
    cursor = serializers.CharField(required=False, allow_null=True, default=None)


class MergedEntrySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    change = serializers.ChoiceField(choices=("created", "changed", "deleted"))
    version = serializers.IntegerField(allow_null=True)
    both = serializers.BooleanField()


class ClashSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    pointers = serializers.ListField(child=serializers.CharField())


class MergedBranchSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    items = MergedEntrySerializer(many=True)
    conflicts = ClashSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BranchesView(ApiView):
    @extend_schema(operation_id="list_branches", responses=page_of(BranchSerializer))
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return page([_body(one) for one in branches_of(request.actor, request.call, name)], None)

    @extend_schema(
        operation_id="make_branch",
        request=NewBranchSerializer,
        responses={201: FilledBranchSerializer},
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        asked = self.read(NewBranchSerializer)
        made = make_branch(
            request.actor, request.call, name, asked["name"], checkpoint=asked["checkpoint"]
        )
        location = f"/api/v1/namespaces/{made.branch.name}"
        return Response(_filled(made), status=201, headers={"Location": location})


class BranchView(ApiView):
    @extend_schema(operation_id="get_branch", responses=BranchSerializer)
    def get(self, request: ActorRequest, name: str) -> Response:
        known_parameters(request)
        return Response(_body(find_branch(request.actor, request.call, name)))


class BranchFillView(ApiView):
    @extend_schema(
        operation_id="fill_branch", request=FillBranchSerializer, responses=FilledBranchSerializer
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        after = _after(self.read(FillBranchSerializer)["cursor"])
        return Response(_filled(fill_branch(request.actor, request.call, name, after=after)))


class BranchMergeView(ApiView):
    @extend_schema(
        operation_id="merge_branch",
        request=MergeBranchSerializer,
        responses=MergedBranchSerializer,
    )
    def post(self, request: ActorRequest, name: str) -> Response:
        asked = self.read_optional(MergeBranchSerializer)
        dry_run = asked.get("dry_run", False)
        done = merge_branch(
            request.actor, request.call, name, prefer=asked.get("prefer"),
            after=_after(asked.get("cursor")), dry_run=dry_run,
        )  # fmt: skip
        return Response(_merged(done, dry_run=dry_run))


def _after(cursor: str | None) -> str:
    return "" if cursor is None else str(decode_cursor(cursor, length=1)[0] or "")


def _body(branch: Branch) -> dict[str, Any]:
    return {
        "namespace": branch.name,
        "parent": branch.parent,
        "checkpoint": None if branch.checkpoint is None else str(branch.checkpoint),
        "base_at": rfc3339(branch.base.cut.when),
        "created_at": rfc3339(branch.created_at),
    }


def _filled(made: Copied) -> dict[str, Any]:
    following = None if made.next_after is None else encode_cursor([made.next_after])
    more = {"entries": made.entries, "lost": made.lost, "next_cursor": following}
    return _body(made.branch) | more


def _merged(done: MergedBranch, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "items": [
            {"key": one.key, "change": one.change, "version": one.version, "both": one.is_both}
            for one in done.items
        ],
        "conflicts": [
            {"key": clash.key, "pointers": list(clash.pointers)} for clash in done.conflicts
        ],
        "next_cursor": None if done.next_after is None else encode_cursor([done.next_after]),
    }
