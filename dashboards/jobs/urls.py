"""Addresses of jobs."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.jobs import pages, run, stream

RUN = "jobs/<uuid:run_id>"

urlpatterns: list[URLPattern] = [
    path("jobs/", pages.overview, name="jobs"),
    path("jobs/events", stream.runs, name="jobs_events"),
    path(f"{RUN}/", run.job, name="job"),
    path(f"{RUN}/events", stream.run, name="job_events"),
    path(f"{RUN}/cancel", run.cancel, name="job_cancel"),
    path(f"{RUN}/retry", run.retry, name="job_retry"),
]
