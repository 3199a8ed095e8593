"""Addresses of grants, groups and access."""

from django.urls import path

from governance.grants.api import access, grants, groups

API = "api/v1"

urlpatterns = [
    path(f"{API}/grants", grants.GrantsView.as_view()),
    path(f"{API}/grants/preview", grants.GrantPreviewView.as_view()),
    path(f"{API}/grants/<uuid:grant_id>", grants.GrantView.as_view()),
    path(f"{API}/groups", groups.GroupsView.as_view()),
    path(f"{API}/groups/<uuid:group_id>", groups.GroupView.as_view()),
    path(f"{API}/groups/<uuid:group_id>/members", groups.GroupMembersView.as_view()),
    path(
        f"{API}/groups/<uuid:group_id>/members/<uuid:member_id>", groups.GroupMemberView.as_view()
    ),
    path(f"{API}/access/objects/<str:kind>/<str:name>", access.ObjectAccessView.as_view()),
    path(
        f"{API}/access/principals/<str:kind>/<uuid:principal_id>",
        access.PrincipalAccessView.as_view(),
    ),
]
