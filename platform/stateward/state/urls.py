"""The control plane's addresses of state."""

from django.urls import path

from stateward.state.api import NamespacesView, NamespaceView
from stateward.state.bounding_api import NamespaceBoundsView, NamespaceQuotaView
from stateward.state.branches_api import (
    BranchesView,
    BranchFillView,
    BranchMergeView,
    BranchView,
)
from stateward.state.history_api import (
    CheckpointDiffView,
    CheckpointRestoreView,
    CheckpointsView,
    CheckpointView,
    NamespaceDiffView,
    NamespaceRestoreView,
)

NAMESPACE = "api/v1/namespaces/<str:name>"

urlpatterns = [
    path("api/v1/namespaces", NamespacesView.as_view(), name="api-namespaces"),
    path("api/v1/namespaces/<str:name>/bounds", NamespaceBoundsView.as_view()),
    path("api/v1/namespaces/<str:name>/quota", NamespaceQuotaView.as_view()),
    path("api/v1/namespaces/<str:name>", NamespaceView.as_view(), name="api-namespace"),
    path(f"{NAMESPACE}/checkpoints", CheckpointsView.as_view()),
    path(f"{NAMESPACE}/checkpoints/<str:checkpoint>", CheckpointView.as_view()),
    path(f"{NAMESPACE}/checkpoints/<str:checkpoint>/diff", CheckpointDiffView.as_view()),
    path(f"{NAMESPACE}/checkpoints/<str:checkpoint>/restore", CheckpointRestoreView.as_view()),
    path(f"{NAMESPACE}/diff", NamespaceDiffView.as_view()),
    path(f"{NAMESPACE}/restore", NamespaceRestoreView.as_view()),
    path(f"{NAMESPACE}/branches", BranchesView.as_view()),
    path(f"{NAMESPACE}/branch", BranchView.as_view()),
    path(f"{NAMESPACE}/branch/fill", BranchFillView.as_view()),
    path(f"{NAMESPACE}/branch/merge", BranchMergeView.as_view()),
]
