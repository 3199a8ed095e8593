"""Addresses of subject requests."""

from django.urls import path

from governance.privacy.api import declarations, requests

API = "api/v1/privacy"
REQUEST = f"{API}/requests/<uuid:request_id>"

urlpatterns = [
    path(f"{API}/declarations", declarations.DeclarationsView.as_view()),
    path(f"{API}/declarations/<uuid:declaration_id>", declarations.DeclarationView.as_view()),
    path(f"{API}/index", declarations.IndexView.as_view()),
    path(f"{API}/requests", requests.SubjectRequestsView.as_view()),
    path(REQUEST, requests.SubjectRequestView.as_view()),
    path(f"{REQUEST}/history", requests.SubjectHistoryView.as_view()),
    path(f"{REQUEST}/preview", requests.SubjectPreviewView.as_view()),
    path(f"{REQUEST}/assignee", requests.SubjectAssigneeView.as_view()),
    path(f"{REQUEST}/extension", requests.SubjectExtensionView.as_view()),
    path(f"{REQUEST}/end", requests.SubjectEndView.as_view()),
    path(f"{REQUEST}/erasure", requests.ErasureView.as_view()),
    path(f"{REQUEST}/erasure/approval", requests.ErasureApprovalView.as_view()),
    path(f"{REQUEST}/restriction", requests.RestrictionView.as_view()),
    path(f"{REQUEST}/restriction/end", requests.LiftingView.as_view()),
    path(f"{REQUEST}/copy", requests.SubjectCopyView.as_view()),
    path(f"{REQUEST}/answer", requests.SubjectAnswerView.as_view()),
    path(f"{REQUEST}/certificate", requests.CertificateView.as_view()),
]
