"""Shapes of subject requests on the wire: strict ones are what is taken, the others what is
shown.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.privacy.identifiers import MAX_IDENTIFIER, MAX_POINTER
from governance.privacy.models import KINDS, SOURCES, STATES
from stateward.web.drf.serializers import StrictSerializer

Shown = serializers.Serializer[Any]
# ``source`` is a member of the contract and also an attribute of DRF's own.


class NewDeclarationSerializer(StrictSerializer):
    namespace = serializers.CharField(default="", allow_blank=True, max_length=640)
    kind = serializers.CharField(max_length=40, help_text="For instance email, customer_id.")
    source = serializers.ChoiceField(SOURCES)  # type: ignore[assignment]  # as above
    path = serializers.CharField(
        max_length=MAX_POINTER,
        trim_whitespace=False,
        help_text="A JSON pointer, * being every member or item; or a key with {} in it.",
    )


class DeclarationSerializer(Shown):
    id = serializers.UUIDField()
    namespace = serializers.CharField()
    kind = serializers.CharField()
    source = serializers.ChoiceField(SOURCES)  # type: ignore[assignment]  # as above
    path = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


class NewIdentifierSerializer(StrictSerializer):
    kind = serializers.CharField(max_length=40)
    value = serializers.CharField(max_length=MAX_IDENTIFIER, help_text="Kept as a keyed hash.")


class NewSubjectRequestSerializer(StrictSerializer):
    kind = serializers.ChoiceField(KINDS)
    reference = serializers.CharField(max_length=100, help_text="What you call it; no name.")
    identifiers = NewIdentifierSerializer(many=True)
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)
    purpose = serializers.CharField(
        default="", allow_blank=True, max_length=100,
        help_text="What restricted data may still be read for; legal-claims where left out.",
    )  # fmt: skip


class SubjectReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=2000)


class SubjectEndSerializer(StrictSerializer):
    state = serializers.ChoiceField(["refused", "withdrawn"])
    reason = serializers.CharField(max_length=2000)


class SubjectAssigneeSerializer(StrictSerializer):
    assignee = serializers.UUIDField(allow_null=True)


class IdentifierSerializer(Shown):
    kind = serializers.CharField()
    hint = serializers.CharField()


class SubjectRequestSerializer(Shown):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(KINDS)
    state = serializers.ChoiceField(STATES)
    reference = serializers.CharField()
    note = serializers.CharField()
    identifiers = IdentifierSerializer(many=True)
    received_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    is_overdue = serializers.BooleanField()
    extended_at = serializers.DateTimeField(allow_null=True)
    extension_reason = serializers.CharField()
    assignee = serializers.UUIDField(allow_null=True)
    purpose = serializers.CharField()
    waits_for = serializers.CharField()
    wait_until = serializers.DateTimeField(allow_null=True)
    found = serializers.IntegerField()
    erased = serializers.IntegerField()
    restricted = serializers.IntegerField()
    answered_at = serializers.DateTimeField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    has_certificate = serializers.BooleanField()


class SubjectEventSerializer(Shown):
    id = serializers.UUIDField()
    event = serializers.CharField()
    note = serializers.CharField()
    actor_type = serializers.CharField()
    actor_name = serializers.CharField()
    at = serializers.DateTimeField()


class SubjectStoreSerializer(Shown):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as above
    found = serializers.IntegerField(allow_null=True)
    fate = serializers.CharField()


class SubjectBackupsSerializer(Shown):
    archives = serializers.IntegerField()
    kept_until_removed = serializers.IntegerField()
    last_ends_at = serializers.DateTimeField(allow_null=True)


class SubjectPreviewSerializer(Shown):
    at = serializers.DateTimeField()
    complete_to = serializers.DateTimeField(allow_null=True)
    entries = serializers.IntegerField()
    due = serializers.IntegerField()
    held = serializers.IntegerField()
    retained = serializers.IntegerField()
    retained_until = serializers.DateTimeField(allow_null=True)
    shared = serializers.IntegerField(help_text="Entries that name others too.")
    outlived = serializers.IntegerField(
        help_text="Entries whose newest value does not name the person: only older versions go."
    )
    bytes = serializers.IntegerField()
    is_whole = serializers.BooleanField()
    list_sha256 = serializers.CharField()
    by_namespace = serializers.DictField(child=serializers.IntegerField())
    stores = SubjectStoreSerializer(many=True)
    backups = SubjectBackupsSerializer()


class SubjectIndexSerializer(Shown):
    complete_to = serializers.DateTimeField(allow_null=True)
    entries = serializers.IntegerField()
