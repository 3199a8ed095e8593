"""The shapes of evidence, for the published document. Nothing here is written by a client."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from stateward.web.drf.serializers import StrictSerializer


class RecordActorSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()


class RecordResourceSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.CharField()
    namespace = serializers.CharField(allow_null=True)
    key = serializers.CharField(allow_null=True)
    classification = serializers.CharField(allow_null=True)


class AuditRecordSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    outcome = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    actor = RecordActorSerializer()
    resource = RecordResourceSerializer()
    version = serializers.IntegerField(allow_null=True)
    decision_id = serializers.UUIDField(allow_null=True)
    request_id = serializers.CharField()
    run = serializers.CharField(allow_null=True)


class AuditRecordDetailSerializer(AuditRecordSerializer):
    record = serializers.JSONField(help_text="What is sealed: canonical JSON, as content.")
    payload = serializers.JSONField(help_text="Personal values, as far as they are not erased.")


class InclusionProofSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    leaf_hash = serializers.CharField()
    tree_size = serializers.IntegerField()
    root_hash = serializers.CharField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField(help_text="The signed note that the path leads to.")


class ConsistencyProofSerializer(serializers.Serializer[Any]):
    proof = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": serializers.IntegerField(),
            "to": serializers.IntegerField(),
        }


class SignedCheckpointSerializer(serializers.Serializer[Any]):
    size = serializers.IntegerField()
    root_hash = serializers.CharField()
    note = serializers.CharField(help_text="C2SP tlog-checkpoint, signed.")
    sealed_at = serializers.DateTimeField()
    renewed_at = serializers.DateTimeField()


class AuditKeysSerializer(serializers.Serializer[Any]):
    origin = serializers.CharField(help_text="The log's name, as checkpoints carry it.")
    keys = serializers.ListField(
        child=serializers.CharField(), help_text="name+hash+base64, newest first."
    )


class FacetSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"label": serializers.CharField()}


class AuditSurveySerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Of the records looked at, the newest that match.")
    is_complete = serializers.BooleanField(help_text="False: there are more than were looked at.")
    facets = serializers.DictField(child=FacetSerializer(many=True))
    buckets = serializers.ListField(child=serializers.JSONField())


class WhySerializer(serializers.Serializer[Any]):
    determining = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    count = serializers.IntegerField()


class RecordedReadSerializer(serializers.Serializer[Any]):
    record = serializers.UUIDField()
    at = serializers.DateTimeField()
    operation = serializers.CharField()
    version = serializers.IntegerField(allow_null=True)
    purpose = serializers.CharField(allow_null=True)
    is_certain = serializers.BooleanField(
        help_text="False: a read of many entries whose names the record could not all hold."
    )
    run = serializers.CharField(allow_null=True)
    place = serializers.IntegerField(allow_null=True, help_text="In the log; null: not proven.")


class ReaderSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    id = serializers.UUIDField()
    name = serializers.CharField()
    count = serializers.IntegerField()
    first = serializers.DateTimeField()
    last = serializers.DateTimeField()
    purposes = serializers.ListField(child=serializers.CharField())
    why = WhySerializer(many=True)
    reads = RecordedReadSerializer(many=True)


class ReadersSealSerializer(serializers.Serializer[Any]):
    proven = serializers.IntegerField()
    waiting = serializers.IntegerField()
    broken = serializers.ListField(child=serializers.UUIDField())
    tree_size = serializers.IntegerField()
    sealed_at = serializers.DateTimeField(allow_null=True)


class ReadersSerializer(serializers.Serializer[Any]):
    readers = ReaderSerializer(many=True)
    refused = ReaderSerializer(many=True)
    counted_reads = serializers.IntegerField(
        help_text="Of public and internal entries of the namespace; not recorded one by one."
    )
    counted_actors = serializers.IntegerField()
    is_complete = serializers.BooleanField(help_text="False: only the newest were looked at.")
    seal = ReadersSealSerializer()


class LineageSerializer(serializers.Serializer[Any]):
    run = serializers.CharField(allow_null=True)
    reads = AuditRecordSerializer(many=True)
    writes = AuditRecordSerializer(many=True)
    counted_reads = serializers.IntegerField(
        help_text="By the same actor meanwhile, of public and internal entries: which, is not known"
    )
    is_complete = serializers.BooleanField()


class NewAuditViewSerializer(StrictSerializer):
    name = serializers.CharField(max_length=80)
    conditions = serializers.DictField(
        child=serializers.CharField(max_length=1024), help_text="Of the page's address."
    )
    is_shared = serializers.BooleanField(default=False)


class AuditViewSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    conditions = serializers.DictField(child=serializers.CharField())
    is_shared = serializers.BooleanField()
    is_own = serializers.BooleanField()
    owner = serializers.CharField()
    created_at = serializers.DateTimeField()


class AuditViewsSerializer(serializers.Serializer[Any]):
    items = AuditViewSerializer(many=True)
