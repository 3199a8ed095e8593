"""Sinks on the wire. A secret goes in, and comes out once: where it was made here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.sinks.models import FORMATS, KINDS, Sink
from stateward.web.drf.serializers import StrictSerializer

CONDITIONS = ("caught_up", "delivering", "late", "failing", "paused", "disabled")


class NewSinkSerializer(StrictSerializer):
    name = serializers.CharField(max_length=64)
    kind = serializers.ChoiceField(choices=KINDS)
    format = serializers.ChoiceField(choices=FORMATS, default="ndjson")
    settings = serializers.DictField(help_text="Where to, by the kind: see docs/sinks.md.")
    secret = serializers.CharField(
        max_length=4096, default="", allow_blank=True, trim_whitespace=False,
        help_text="Of the access key (s3), or to sign with (webhook; left out, one is made).",
    )  # fmt: skip
    with_payload = serializers.BooleanField(
        default=False, help_text="Personal values too: keys, addresses, purposes."
    )
    since = serializers.ChoiceField(choices=("now", "beginning"), default="now")


class SinkChangesSerializer(StrictSerializer):
    format = serializers.ChoiceField(choices=FORMATS, required=False)
    settings = serializers.DictField(required=False)
    secret = serializers.CharField(
        max_length=4096, required=False, allow_blank=True, trim_whitespace=False
    )
    with_payload = serializers.BooleanField(required=False)


class SinkPlaceSerializer(StrictSerializer):
    place = serializers.IntegerField(min_value=0)


class SinkSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    format = serializers.ChoiceField(choices=FORMATS)
    settings = serializers.DictField()
    with_payload = serializers.BooleanField()
    state = serializers.ChoiceField(choices=Sink.State.values)
    condition = serializers.ChoiceField(choices=CONDITIONS)
    place = serializers.IntegerField(help_text="Of the log: what is delivered next.")
    behind = serializers.IntegerField(help_text="Sealed records yet to be delivered.")
    lag_seconds = serializers.FloatField(help_text="Age of the first of them.")
    checkpoint_size = serializers.IntegerField()
    checkpoint_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    next_at = serializers.DateTimeField()
    attempts = serializers.IntegerField(help_text="That failed in a row.")
    said = serializers.CharField(help_text="How the last attempt went.")
    answer = serializers.CharField(help_text="The beginning of what the other side answered.")
    tested_at = serializers.DateTimeField(allow_null=True)
    test_said = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class MadeSinkSerializer(SinkSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="To verify messages with, where it was made here. Shown once."
    )


class SinksSerializer(serializers.Serializer[Any]):
    items = SinkSerializer(many=True)


class SinkTestSerializer(serializers.Serializer[Any]):
    run_id = serializers.UUIDField()
