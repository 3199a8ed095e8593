"""Addresses of access, grants and groups."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.access import giving, groups, objects, principals

GROUP = "access/groups/<uuid:group_id>"

urlpatterns: list[URLPattern] = [
    path("access/", objects.overview, name="access"),
    path("access/grants/", objects.grants, name="access_grants"),
    path("access/grants/<uuid:grant_id>/revoke", giving.take, name="grant_revoke"),
    path("access/groups/", groups.groups, name="access_groups"),
    path("access/groups/new", groups.create, name="access_group_new"),
    path(f"{GROUP}/", groups.group, name="access_group"),
    path(f"{GROUP}/add", groups.add, name="access_group_add"),
    path(f"{GROUP}/remove", groups.remove, name="access_group_remove"),
    path(f"{GROUP}/delete", groups.delete, name="access_group_delete"),
    path("access/of/<str:kind>/<uuid:principal_id>/", principals.access_of, name="access_of"),
    path("access/to/<str:kind>/<str:name>/", objects.access_to, name="access_to"),
    path("access/to/<str:kind>/<str:name>/give", giving.new, name="grant_new"),
]
