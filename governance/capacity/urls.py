"""Addresses of capacity and of what is measured."""

from django.urls import path

from governance.capacity.api.analytics import AnalyticsView
from governance.capacity.api.capacity import CapacityView, QuotaView, ReportsView, ReportView
from governance.capacity.api.metrics import RecordCountsView, SeriesView, StorageView

CAPACITY = "api/v1/capacity"
METRICS = "api/v1/metrics"

urlpatterns = [
    path(CAPACITY, CapacityView.as_view()),
    path(f"{CAPACITY}/quota", QuotaView.as_view()),
    path("api/v1/namespaces/<str:name>/analytics", AnalyticsView.as_view()),
    path(f"{CAPACITY}/reports", ReportsView.as_view()),
    path(f"{CAPACITY}/reports/<uuid:report_id>", ReportView.as_view()),
    path(f"{METRICS}/series", SeriesView.as_view()),
    path(f"{METRICS}/records", RecordCountsView.as_view()),
    path(f"{METRICS}/storage", StorageView.as_view()),
]
