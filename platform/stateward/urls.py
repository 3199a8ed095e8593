"""The control plane's addresses and the console's; each app brings its own list."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("allauth.urls")),
    path("", include("governance.people.urls")),
    path("", include("governance.policies.urls")),
    path("", include("stateward.state.urls")),
    path("", include("dashboards.urls")),
]
