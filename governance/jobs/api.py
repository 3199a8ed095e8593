"""Runs of jobs over REST. How one goes on is streamed by the data plane (``/events``)."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from governance.jobs import services
from governance.jobs.serializers import STATES, JobRunDetailSerializer, JobRunSerializer
from stateward.kernel.errors import Fault, Malformed
from stateward.operations.jobs.queries import JobRun, lines_of
from stateward.tenancy.scope import run_flow
from stateward.web.cursors import decode_cursor, encode_cursor
from stateward.web.drf.pages import known_parameters, limit_of, page
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.serializers import StrictSerializer, page_of
from stateward.web.drf.views import ApiView


class JobsView(ApiView):
    """The tenant's runs, newest first; with ``job`` also those of a job of the platform."""

    @extend_schema(
        operation_id="list_job_runs",
        parameters=[
            OpenApiParameter("job", description="The job's name."),
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor"),
        ],
        responses=page_of(JobRunSerializer),
    )
    def get(self, request: ActorRequest) -> Response:
        known_parameters(request, "job", "state")
        state = request.query_params.get("state")
        if state is not None and state not in STATES:
            raise Malformed(
                f"state is one of {', '.join(STATES)}.",
                errors=(Fault("", "the parameter state is not known"),),
            )
        found, following = services.list_runs(
            services.sight_of(request.actor, request.call),
            name=request.query_params.get("job"),
            state=state,
            before=cursor_of(request.query_params.get("cursor")),
            limit=limit_of(request),
        )
        cursor = encode_cursor([str(following)]) if following else None
        return page([JobRunSerializer(run).data for run in found], cursor)


class JobView(ApiView):
    """One run, with the first thousand lines of its log."""

    @extend_schema(operation_id="get_job_run", responses=JobRunDetailSerializer)
    def get(self, request: ActorRequest, run_id: UUID) -> Response:
        known_parameters(request)
        return _answer(services.find_run(request.actor, request.call, run_id))


class JobCancelView(ApiView):
    @extend_schema(
        operation_id="cancel_job_run", request=None, responses={200: JobRunDetailSerializer}
    )
    def post(self, request: ActorRequest, run_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        return _answer(services.cancel_run(request.actor, request.call, run_id))


class JobRetryView(ApiView):
    @extend_schema(
        operation_id="retry_job_run", request=None, responses={201: JobRunDetailSerializer}
    )
    def post(self, request: ActorRequest, run_id: UUID) -> Response:
        self.read_optional(StrictSerializer)
        answer = _answer(services.retry_run(request.actor, request.call, run_id))
        answer.status_code = 201
        answer["Location"] = f"/api/v1/jobs/{answer.data['id']}"
        return answer


def cursor_of(cursor: str | None) -> UUID | None:
    """The run that the page before ended with."""
    if cursor is None:
        return None
    try:
        return UUID(str(decode_cursor(cursor, length=1)[0]))
    except ValueError:
        raise Malformed("The cursor is not one that was given out here.") from None


def _answer(run: JobRun) -> Response:
    lines = run_flow(lines_of(run)) if run.tenant_id else []
    return Response(JobRunDetailSerializer(run, context={"lines": lines}).data)
