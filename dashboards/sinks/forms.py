"""What people type about a sink: one form for each kind."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboards.sinks.words import FORMATS
from governance.sinks.where import MIB, TRANSPORTS

SINCE = (("now", "what is sealed from now on"), ("beginning", "the beginning of the log"))


class SinkForm(forms.Form):
    """What every kind has. ``SETTINGS`` name the fields that are the kind's own."""

    SETTINGS: tuple[str, ...] = ()

    name = forms.CharField(max_length=64, help_text="Small letters, digits, - and _.")
    format = forms.ChoiceField(choices=list(FORMATS.items()))
    with_payload = forms.BooleanField(
        required=False,
        label="Send personal values too",
        help_text="Keys, addresses and purposes. An erasure here does not reach them there.",
    )
    since = forms.ChoiceField(label="Begin with", choices=SINCE)

    def settings(self) -> dict[str, Any]:
        """As the service takes them."""
        data = self.cleaned_data
        return {name: data[name] for name in self.SETTINGS if data[name] not in {None, ""}}


class FileForm(SinkForm):
    SETTINGS = ("file", "rotate_bytes")

    file = forms.CharField(label="File", max_length=64, initial="audit", help_text="Its name.")
    rotate_mib = forms.IntegerField(
        label="Rotate at, MiB", min_value=1, max_value=1024, initial=64,
        help_text="A full file is put aside under the time, and never removed by us.",
    )  # fmt: skip
    field_order = ("name", "file", "rotate_mib", "format", "since", "with_payload")

    def settings(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {"file": data["file"], "rotate_bytes": data["rotate_mib"] * MIB}


class SyslogForm(SinkForm):
    SETTINGS = ("host", "port", "transport", "ca")

    host = forms.CharField(max_length=253)
    port = forms.IntegerField(min_value=1, max_value=65_535, initial=6514)
    transport = forms.ChoiceField(choices=[(one, one.upper()) for one in TRANSPORTS])
    ca = forms.CharField(
        label="Certificate to trust", required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="PEM, where the other side's certificate is not signed by a public authority.",
    )  # fmt: skip
    field_order = ("name", "host", "port", "transport", "ca", "format", "since", "with_payload")


class WebhookForm(SinkForm):
    SETTINGS = ("url",)

    url = forms.CharField(label="Address", max_length=2_000, help_text="Begins with https://.")
    field_order = ("name", "url", "format", "since", "with_payload")


class BucketForm(SinkForm):
    SETTINGS = ("endpoint", "region", "bucket", "access_key")

    endpoint = forms.CharField(max_length=2_000, help_text="https://s3.eu-central-1.amazonaws.com")
    region = forms.CharField(max_length=40)
    bucket = forms.CharField(max_length=63)
    folder = forms.CharField(label="Prefix", max_length=200, required=False)
    access_key = forms.CharField(label="Access key", max_length=128)
    secret = forms.CharField(
        label="Secret", max_length=4096, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    field_order = (
        "name", "endpoint", "region", "bucket", "folder", "access_key", "secret", "format",
        "since", "with_payload",
    )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"prefix": self.cleaned_data["folder"]}


FORMS: dict[str, type[SinkForm]] = {
    "webhook": WebhookForm,
    "syslog": SyslogForm,
    "file": FileForm,
    "s3": BucketForm,
}
