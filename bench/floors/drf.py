"""A floor: the same by DRF and the ORM in one transaction, with no middleware.

One module is the whole project.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

_url = urlsplit(os.environ["BENCH_DSN"])
settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _url.path[1:],
            "USER": _url.username,
            "PASSWORD": _url.password,
            "HOST": _url.hostname,
            "PORT": _url.port,
            "OPTIONS": {"pool": {"min_size": 4, "max_size": 16}},
        }
    },
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)

import django  # noqa: E402  # settings come first

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Entry(models.Model):
    key = models.TextField()
    version = models.BigIntegerField(default=0)
    value = models.JSONField()

    class Meta:
        app_label = "bench"
        db_table = "bench_orm_entry"


class Revision(models.Model):
    key = models.TextField()
    version = models.BigIntegerField()
    value = models.JSONField()

    class Meta:
        app_label = "bench"
        db_table = "bench_orm_revision"


class Audit(models.Model):
    key = models.TextField()
    version = models.BigIntegerField()
    action = models.TextField()

    class Meta:
        app_label = "bench"
        db_table = "bench_orm_audit"


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = ("value",)


class EntryView(APIView):
    def put(self, request: Any, key: str) -> Response:
        serializer = EntrySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        value = serializer.validated_data["value"]
        with transaction.atomic():
            entry = Entry.objects.select_for_update().filter(key=key).first() or Entry(key=key)
            entry.version, entry.value = entry.version + 1, value
            entry.save()
            Revision.objects.create(key=key, version=entry.version, value=value)
            Audit.objects.create(key=key, version=entry.version, action="put")
        return Response({"version": entry.version})

    def get(self, request: Any, key: str) -> Response:
        entry = Entry.objects.filter(key=key).first()
        return Response({"version": entry.version, "value": entry.value} if entry else {})


urlpatterns = [path("entries/<str:key>", EntryView.as_view())]
application = get_wsgi_application()
