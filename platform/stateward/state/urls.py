"""The control plane's addresses of state."""

from django.urls import path

from stateward.state.api import NamespacesView, NamespaceView
from stateward.state.bounding_api import NamespaceQuotaView

urlpatterns = [
    path("api/v1/namespaces", NamespacesView.as_view(), name="api-namespaces"),
    path("api/v1/namespaces/<str:name>/quota", NamespaceQuotaView.as_view()),
    path("api/v1/namespaces/<str:name>", NamespaceView.as_view(), name="api-namespace"),
]
