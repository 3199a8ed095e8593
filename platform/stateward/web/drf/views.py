"""The view every control-plane resource derives from.

What happens, in order: the request id; credentials in the URL refused; body size; who calls (401);
the call's headers (400); then, inside one transaction in the caller's tenant, the idempotency key
and the handler, which calls one service or query. Whatever refuses undoes that transaction and
becomes a problem document.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from stateward.kernel.errors import (
    Malformed,
    MethodNotAllowed,
    StatewardError,
    TooLarge,
    Unauthenticated,
)
from stateward.tenancy.actors import Actor
from stateward.tenancy.addresses import source_address
from stateward.tenancy.exceptions import NotActive
from stateward.tenancy.models import PLATFORM
from stateward.tenancy.scope import run_flow, tenant_scope
from stateward.tenancy.usage import Uses, touch_credentials
from stateward.web.calls import call_of, request_id_of
from stateward.web.drf.authentication import (
    BearerAuthentication,
    Entrance,
    SessionAuthentication,
)
from stateward.web.drf.idempotency import answer_once, slot_of
from stateward.web.drf.limits import standing_of
from stateward.web.drf.parsers import MAX_BODY_BYTES, StrictJSONParser
from stateward.web.drf.refusals import names_what_was_missed, record_refusal
from stateward.web.drf.settling import ATTEMPTS, RightsChanged, settle
from stateward.web.limiting import Standing
from stateward.web.odd_urls import refuse_odd_urls
from stateward.web.problems import MEDIA_TYPE, as_stateward, problem

logger = logging.getLogger("stateward.web")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RENDERED = (JSONRenderer(), "application/json")
uses = Uses()


class AnyJson(BaseContentNegotiation):
    """We speak JSON whatever ``Accept`` says; Content-Type tells a client that insisted."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return RENDERED


class ApiView(APIView):
    """A control-plane resource. ``request.actor`` and ``request.call`` say who asks; see
    ``requests.ActorRequest``.
    """

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AnyJson
    metadata_class = None

    public: ClassVar[bool] = (
        False  # answers without a credential; the handler then runs outside any tenant
    )
    own_transactions: ClassVar[bool] = (
        False  # the handler opens its own: it waits for another server, which no transaction may
    )
    for_operators: ClassVar[bool] = False  # answers an operator who works in no tenant
    answers_when_closed: ClassVar[bool] = False  # answers the members of a closed tenant
    secret_members: ClassVar[tuple[str, ...]] = ()  # members of answers that are shown once
    standing: Standing | None = None  # of a caller under rate limits

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        self.args, self.kwargs = args, kwargs
        self.headers = self.default_response_headers
        self.request_id = request_id_of(request.headers.get)
        drf_request = self.initialize_request(request, *args, **kwargs)
        drf_request.accepted_renderer, drf_request.accepted_media_type = RENDERED
        self.request = drf_request
        try:
            self.initial(drf_request, *args, **kwargs)
            handler = self._handler(drf_request)
            response = self._carry_out(drf_request, lambda: handler(drf_request, *args, **kwargs))
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(drf_request, response, *args, **kwargs)
        if self.standing is not None:
            for name, value in self.standing.headers().items():
                self.response.headers[name] = value
        self.response.headers.setdefault("Cache-Control", "no-store")
        self.response.headers.setdefault("X-Request-ID", self.request_id)
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_odd_urls(request._request)
        _refuse_large_bodies(request._request)
        address = address_of(request._request)
        call = call_of(request.headers.get, source_address=address, request_id=self.request_id)
        request._request.call = call  # type: ignore[attr-defined]  # see requests.ActorRequest
        if self.public:
            return
        self.perform_authentication(request)
        actor = request.user
        if not isinstance(actor, Actor):
            raise Unauthenticated
        self._check_actor(request, actor)
        request._request.actor = actor  # type: ignore[attr-defined]
        if actor.credential_id is not None:
            uses.note(actor.tenant_id, actor.credential_id, address)
            self.standing = standing_of(actor)
            if self.standing is not None:
                self.standing.require()

    def _check_actor(self, request: Request, actor: Actor) -> None:
        """An operator outside a tenant, and a closed tenant, are answered only where the view says
        so.
        """
        if actor.tenant_id == PLATFORM and not self.for_operators:
            raise Unauthenticated("You are signed in, but a member of no tenant.")
        membership = getattr(request._request, "_memberships", None) or []
        closed = any(one.is_closed for one in membership if one.member_id == actor.id)
        if closed and not self.answers_when_closed:
            raise NotActive("This tenant is closed.")

    def _handler(self, request: Request) -> Callable[..., Response]:
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            allowed = ", ".join(self.allowed_methods)
            raise MethodNotAllowed(headers={"Allow": allowed})
        return handler  # type: ignore[no-any-return]

    def _carry_out(self, request: Request, act: Callable[[], Response]) -> Response:
        if self.public or self.own_transactions:
            return act()
        actor: Actor = request._request.actor  # type: ignore[attr-defined]
        if request.method in SAFE_METHODS:
            with self.scope(actor):
                response = act()
        else:
            response = self._change(request, actor, act)
        _write_down_uses()
        return response

    def _change(self, request: Request, actor: Actor, act: Callable[[], Response]) -> Response:
        """Carry out an unsafe call, once for each Idempotency-Key, under rights that hold to
        the end.
        """
        slot = slot_of(request, actor)
        for _ in range(ATTEMPTS):
            settled = partial(settle, actor, partial(self._look_up, request, actor), act)
            try:
                if slot is not None:
                    return answer_once(slot, settled, secrets=self.secret_members)
                with self.scope(actor):
                    return settled()
            except RightsChanged:
                actor = self._look_up(request, actor)
                request._request.actor = actor  # type: ignore[attr-defined]
        raise RightsChanged

    def _look_up(self, request: Request, actor: Actor) -> Actor:
        """The caller as they are now; 401 or 403 where they are no more."""
        entrance = cast(Entrance, request.successful_authenticator)
        return entrance.look_up(request, actor)

    def scope(self, actor: Actor) -> AbstractContextManager[None]:
        """The transaction the handler runs in."""
        return tenant_scope(actor.tenant_id)

    def handle_exception(self, exc: Exception) -> Response:
        error = as_stateward(exc)
        is_refusal = error.status in {401, 403} or hasattr(error, "decision")
        if is_refusal or names_what_was_missed(error, self.kwargs):
            error = self._record(error)
        if error.status == 500:
            logger.error("request.failed", exc_info=exc, extra={"request_id": self.request_id})
        status, headers, body = problem(error, self.request_id)
        return Response(body, status=status, headers=headers, content_type=MEDIA_TYPE)

    def _record(self, error: StatewardError) -> StatewardError:
        """Have the refusal recorded; if that fails, the answer is what it failed of (503)."""
        request = self.request._request
        call = getattr(request, "call", None)
        if call is None:
            return error
        try:
            record_refusal(getattr(request, "actor", None), call, error)
        except Exception as failure:
            logger.exception("refusal.unrecorded", extra={"request_id": self.request_id})
            return as_stateward(failure)
        return error

    def read(
        self, serializer: type[BaseSerializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """The request's body as ``serializer`` validates it; 400, 415 or 422 with pointers."""
        reader = serializer(data=self.request.data, partial=partial)
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    def read_optional(self, serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The same for a body that may be left out altogether."""
        return self.read(serializer) if self.request._request.body else {}


def _write_down_uses() -> None:
    """What was used is nice to know, and no reason to fail a request that is carried out."""
    waiting = uses.drain()
    if not waiting:
        return
    try:
        run_flow(touch_credentials(waiting))
    except DatabaseError:
        logger.warning("credentials.uses_lost", exc_info=True)


def address_of(request: HttpRequest) -> str:
    """Where the request came from, as far as trusted proxies vouch for it."""
    peer = request.META.get("REMOTE_ADDR") or ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return source_address(peer, forwarded, settings.TRUSTED_PROXIES)


def _refuse_large_bodies(request: HttpRequest) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit():
        raise Malformed("Content-Length is not a number.")
    if int(length) > MAX_BODY_BYTES:
        raise TooLarge(f"A request body has at most {MAX_BODY_BYTES:,} bytes.")
