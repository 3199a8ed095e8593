"""AuthZEN 1.0: how other systems ask us, in the standard's shapes rather than ours.

Its rules differ from the conventions of ``/api/v1`` on purpose: members we do not know are
ignored, a body of another media type is 400, and an item of a batch that makes no sense is answered
``false`` in its place while the others are answered. Whoever asks needs ``policy.explain``; what is
not there, or not to be known of, is denied like anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from governance.policies.questions import Asker, Question
from stateward.kernel.errors import Fault, Malformed, NotFound, StatewardError, Unprocessable
from stateward.web.drf.requests import ActorRequest
from stateward.web.drf.views import AnyJson, ApiView

MAX_EVALUATIONS = 1_000
_SEMANTICS = {
    "execute_all": None,
    "deny_on_first_deny": False,
    "permit_on_first_permit": True,
}
_DEFAULTS = ("subject", "action", "resource", "context")

Schema = dict[str, Any]


def _object(required: Sequence[str] = (), **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


_TEXT: Schema = {"type": "string", "minLength": 1}
_ANY: Schema = {"type": "object", "additionalProperties": True}
_EVALUATION = _object(
    ("subject", "action", "resource"),
    subject=_object(("type", "id"), type=_TEXT, id=_TEXT, properties=_ANY),
    action=_object(("name",), name=_TEXT, properties=_ANY),
    resource=_object(("type", "id"), type=_TEXT, id=_TEXT, properties=_ANY),
    context=_ANY,
)
_EVALUATIONS = _object(
    **_EVALUATION["properties"],
    evaluations={"type": "array", "items": _ANY, "maxItems": MAX_EVALUATIONS},
    options=_object(evaluations_semantic={"type": "string", "enum": [*_SEMANTICS]}),
)
_ANSWER = _object(("decision",), decision={"type": "boolean"}, context=_ANY)
_ANSWERS = _object(evaluations={"type": "array", "items": _ANSWER})
_CONFIGURATION = _object(
    policy_decision_point=_TEXT,
    access_evaluation_endpoint=_TEXT,
    access_evaluations_endpoint=_TEXT,
)


class JsonOnly(AnyJson):
    """A body that is not JSON is a malformed request here, not an unsupported one."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        parser = super().select_parser(request, parsers)
        if parser is None:
            raise Malformed("The body's Content-Type must be application/json.")
        return parser


class EvaluationView(ApiView):
    content_negotiation_class = JsonOnly

    @extend_schema(
        operation_id="access_evaluation",
        request={"application/json": _EVALUATION},
        responses={200: _ANSWER},
    )
    def post(self, request: ActorRequest) -> Response:
        body = _body(request)
        asker = Asker(request.actor, request.call)
        return Response(_answer(asker, _question(body)))


class EvaluationsView(ApiView):
    content_negotiation_class = JsonOnly

    @extend_schema(
        operation_id="access_evaluations",
        request={"application/json": _EVALUATIONS},
        responses={200: _ANSWERS},
    )
    def post(self, request: ActorRequest) -> Response:
        body = _body(request)
        asker = Asker(request.actor, request.call)
        items = body.get("evaluations")
        if not items:
            return Response(_answer(asker, _question(body)))
        if not isinstance(items, Sequence) or isinstance(items, str):
            raise _malformed("/evaluations", "a list")
        if len(items) > MAX_EVALUATIONS:
            raise _malformed("/evaluations", f"at most {MAX_EVALUATIONS} items")
        stop_at = _stop_at(body)
        answers: list[dict[str, Any]] = []
        for item in items:
            answers.append(_answer_item(asker, body, item))
            if stop_at is not None and answers[-1]["decision"] is stop_at:
                break
        return Response({"evaluations": answers})


class ConfigurationView(ApiView):
    """The metadata document, for whoever wants to ask; it needs no credential."""

    public = True

    @extend_schema(
        operation_id="access_configuration", request=None, responses={200: _CONFIGURATION}, auth=[]
    )
    def get(self, request: ActorRequest) -> Response:
        base = request.build_absolute_uri("/").rstrip("/")
        return Response(
            {
                "policy_decision_point": base,
                "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
                "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
            }
        )


def _body(request: ActorRequest) -> Mapping[str, Any]:
    if not isinstance(request.data, Mapping):
        raise _malformed("", "an object")
    return request.data


def _question(body: Mapping[str, Any]) -> Question:
    """The question a body puts; Malformed (400) where a member the standard requires is missing or
    of another kind.
    """
    subject, resource = _member(body, "subject"), _member(body, "resource")
    action = _member(body, "action")
    context = body.get("context")
    if context is not None and not isinstance(context, Mapping):
        raise _malformed("/context", "an object")
    return Question(
        _text(subject, "/subject", "type"),
        _text(subject, "/subject", "id"),
        _text(action, "/action", "name"),
        _text(resource, "/resource", "type"),
        _text(resource, "/resource", "id"),
        context or {},
    )


def _member(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = body.get(name)
    if not isinstance(member, Mapping):
        raise _malformed(f"/{name}", "an object is required")
    return member


def _text(member: Mapping[str, Any], pointer: str, name: str) -> str:
    text = member.get(name)
    if not isinstance(text, str) or not text:
        raise _malformed(f"{pointer}/{name}", "a text is required")
    return text


def _answer(asker: Asker, question: Question) -> dict[str, Any]:
    """What is not there, and words we do not know, are denied: the standard has no other answer."""
    try:
        decision = asker.decide(question)
    except (NotFound, Unprocessable):
        return {"decision": False, "context": {"reason": "There is nothing here to allow."}}
    return {
        "decision": decision.allowed,
        "context": {
            "id": str(decision.id),
            "outcome": decision.outcome,
            "reason": decision.reason,
        },
    }


def _answer_item(asker: Asker, body: Mapping[str, Any], item: Any) -> dict[str, Any]:
    try:
        if not isinstance(item, Mapping):
            raise _malformed("", "an object")
        defaults = {name: body[name] for name in _DEFAULTS if name in body}
        return _answer(asker, _question({**defaults, **item}))
    except StatewardError as error:
        return {
            "decision": False,
            "context": {"error": {"status": error.status, "message": error.detail}},
        }


def _stop_at(body: Mapping[str, Any]) -> bool | None:
    options = body.get("options")
    wanted = options.get("evaluations_semantic") if isinstance(options, Mapping) else None
    if wanted is None:
        return None
    if wanted not in _SEMANTICS:
        raise _malformed("/options/evaluations_semantic", f"one of {', '.join(_SEMANTICS)}")
    return _SEMANTICS[wanted]


def _malformed(pointer: str, message: str) -> Malformed:
    return Malformed(f"{pointer or 'The body'}: {message}.", errors=(Fault(pointer, message),))
