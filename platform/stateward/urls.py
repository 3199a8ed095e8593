"""The control plane's addresses and the console's; each app brings its own list."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView

from stateward.web.drf.docs import ApiDocsView

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "api/schema",
        # The second of each answers to the plain media type, which is what most clients ask for.
        SpectacularAPIView.as_view(
            authentication_classes=[],  # whatever credential comes along is nothing to it
            renderer_classes=[
                OpenApiJsonRenderer,
                OpenApiJsonRenderer2,
                OpenApiYamlRenderer,
                OpenApiYamlRenderer2,
            ],
        ),
        name="api-schema",
    ),
    path("api/docs", ApiDocsView.as_view(), name="api-docs"),
    path("account/", include("allauth.urls")),
    path("", include("governance.people.urls")),
    path("", include("governance.policies.urls")),
    path("", include("governance.approvals.urls")),
    path("", include("governance.grants.urls")),
    path("", include("governance.evidence.urls")),
    path("", include("governance.sinks.urls")),
    path("", include("governance.capacity.urls")),
    path("", include("governance.assist.urls")),
    path("", include("governance.retention.urls")),
    path("", include("governance.privacy.urls")),
    path("", include("governance.jobs.urls")),
    path("", include("governance.detection.urls")),
    path("", include("governance.quarantine.urls")),
    path("", include("governance.delivery.urls")),
    path("", include("governance.risk.urls")),
    path("", include("governance.schemas.urls")),
    path("", include("governance.keys.urls")),
    path("", include("governance.classification.urls")),
    path("", include("governance.compliance.urls")),
    path("", include("stateward.operations.backups.urls")),
    path("", include("stateward.state.urls")),
    path("", include("stateward.state.pending.urls")),
    path("", include("dashboards.urls")),
]
