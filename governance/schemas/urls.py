"""Addresses of schemas and of work on them."""

from django.urls import path

from governance.schemas import api

NAMESPACE = "api/v1/namespaces/<str:name>"
VERSION = f"{NAMESPACE}/schemas/<int:number>"
RUN = f"{NAMESPACE}/schema-runs/<uuid:run_id>"

urlpatterns = [
    path(f"{NAMESPACE}/schemas", api.SchemaVersionsView.as_view()),
    path(VERSION, api.SchemaVersionView.as_view()),
    path(f"{VERSION}/compatibility", api.SchemaCompatibilityView.as_view()),
    path(f"{VERSION}/preview", api.SchemaPreviewView.as_view()),
    path(f"{VERSION}/check", api.SchemaCheckView.as_view()),
    path(f"{VERSION}/activate", api.SchemaActivationView.as_view()),
    path(f"{VERSION}/migrate", api.SchemaMigrationView.as_view()),
    path(f"{NAMESPACE}/schema-runs", api.SchemaRunsView.as_view()),
    path(RUN, api.SchemaRunView.as_view()),
    path(f"{RUN}/cancel", api.SchemaRunCancelView.as_view()),
    path(f"{RUN}/undo", api.SchemaRunUndoView.as_view()),
]
