"""Addresses of jobs' runs."""

from django.urls import path

from governance.jobs.api import JobCancelView, JobRetryView, JobsView, JobView

JOBS = "api/v1/jobs"

urlpatterns = [
    path(JOBS, JobsView.as_view()),
    path(f"{JOBS}/<uuid:run_id>", JobView.as_view()),
    path(f"{JOBS}/<uuid:run_id>/cancel", JobCancelView.as_view()),
    path(f"{JOBS}/<uuid:run_id>/retry", JobRetryView.as_view()),
]
