"""Whether every value that fits one schema fits another, by the schemas alone.

That question has no answer in general. Here it is answered for the part of JSON Schema that most
schemas are written in; whatever is beyond it makes the answer ``unknown``, never ``compatible``.

- ``compatible``: no value fits the one and breaks the other. A property test holds this against
  generated values.
- ``incompatible``: a rule of the other is stricter at the places named. A value that falls between
  is all but certain; that one exists is not proven.
- ``unknown``: neither can be said from the schemas.

What the *narrower* schema says beyond that part only restricts it further, so leaving it out is on
the safe side; what the *wider* one says must all be understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from stateward.kernel.errors import StatewardError
from stateward.state.evolution.expressions import is_same
from stateward.state.evolution.pointers import MISSING, find, parse_pointer
from stateward.state.schemas import compile_schema

Verdict = Literal["compatible", "incompatible", "unknown"]
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
ALL_TYPES = frozenset(TYPES)
MAX_PAIRS = 20_000
MAX_DEPTH = 60
MAX_REASONS = 50
# Keywords that say nothing about values.
ANNOTATIONS = frozenset(
    {
        "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
        "$comment", "$schema", "$defs", "definitions",
    }
)  # fmt: skip
UNDERSTOOD = ANNOTATIONS | {
    "type", "enum", "const", "allOf", "anyOf", "$ref",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "format",
    "items", "minItems", "maxItems", "uniqueItems",
    "properties", "required", "additionalProperties", "minProperties", "maxProperties",
}  # fmt: skip
# Their meaning hangs on what stands beside them: the same text is not the same rule.
DEPENDENT = frozenset(
    {
        "unevaluatedProperties", "unevaluatedItems", "if", "then", "else", "$dynamicRef",
        "contains", "minContains", "maxContains",
    }
)  # fmt: skip


class Reason(NamedTuple):
    """Why values may fall between: the place in the schema they would break, and what is there."""

    pointer: str
    message: str


class Answer(NamedTuple):
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


class Compatibility(NamedTuple):
    """``backward``: what fitted the old schema fits the new one; ``forward``: the reverse."""

    backward: Answer
    forward: Answer

    @property
    def word(self) -> str:
        """``full``, ``backward``, ``forward``, ``none``, or ``unknown``."""
        there = self.backward.verdict == "compatible"
        back = self.forward.verdict == "compatible"
        if there and back:
            return "full"
        if there or back:
            return "backward" if there else "forward"
        if "unknown" in {self.backward.verdict, self.forward.verdict}:
            return "unknown"
        return "none"


def compare(old: Any, new: Any) -> Compatibility:
    """The two questions about a change of schema; None stands for no schema at all."""
    before, after = True if old is None else old, True if new is None else new
    return Compatibility(accepts(after, before), accepts(before, after))


def accepts(wider: Any, narrower: Any) -> Answer:
    """Whether ``wider`` accepts whatever ``narrower`` accepts."""
    if _is_identical(wider, narrower):
        return Answer("compatible")
    work = _Work(wider, narrower)
    try:
        verdict = work.compare(wider, narrower, "", 0)
    except _TooMuch:
        return Answer("unknown", (Reason("", "the schemas are too large to be compared"),))
    return Answer(verdict, tuple(work.reasons[:MAX_REASONS]) if verdict != "compatible" else ())


class _TooMuch(Exception):
    pass


def _is_identical(one: Any, other: Any) -> bool:
    return type(one) is type(other) and is_same(one, other)


@dataclass(slots=True)
class _Work:
    """One comparison on its way: both roots, for references, and what was found."""

    wider_root: Any
    narrower_root: Any
    reasons: list[Reason] = field(default_factory=list)
    pairs: int = 0

    def compare(self, wider: Any, narrower: Any, at: str, depth: int) -> Verdict:
        self.pairs += 1
        if self.pairs > MAX_PAIRS or depth > MAX_DEPTH:
            raise _TooMuch
        is_all = wider is True or wider == {} or narrower is False
        if is_all or (_is_identical(wider, narrower) and not _refers(wider)):
            return "compatible"
        if wider is False:
            return self._no(at, "nothing is accepted here")
        return self._objects_of(wider, {} if narrower is True else narrower, at, depth)

    def _objects_of(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> Verdict:
        """Two schemas that are objects: by reference, by value, by alternatives or by rules."""
        if "$ref" in narrower and len(narrower.keys() - ANNOTATIONS) == 1:
            target = _resolve(self.narrower_root, narrower["$ref"])
            if target is MISSING:
                return self._unsure(at, "a reference that cannot be followed")
            return self.compare(wider, target, at, depth + 1)
        if (values := _listed(narrower)) is not None and not _refers(narrower):
            return self._values(wider, narrower, values, at)
        if (found := self._branches(wider, narrower, at, depth)) is not None:
            return found
        return self._rules(wider, narrower, at, depth)

    def _values(self, wider: dict[str, Any], narrower: Any, values: list[Any], at: str) -> Verdict:
        """The narrower schema names its values: each is tried."""
        whole = wider | _definitions(self.wider_root) if _refers(wider) else wider
        try:
            mine, theirs = compile_schema(narrower), compile_schema(whole)
        except StatewardError:
            return self._unsure(at, "cannot stand alone")
        if all(theirs.is_valid(value) for value in values if mine.is_valid(value)):
            return "compatible"
        return self._no(at, "a value that was named is not accepted")

    def _branches(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> Verdict | None:
        """Where alternatives settle it; None where the rules have to be looked at."""
        for name in ("anyOf", "oneOf"):  # at least one of them holds
            branches = narrower.get(name)
            if isinstance(branches, list) and branches:
                kept = len(self.reasons)
                beside = {key: one for key, one in narrower.items() if key != name}
                if self._quietly(wider, beside, at, depth) == "compatible":
                    return "compatible"
                verdicts = {self.compare(wider, branch, at, depth + 1) for branch in branches}
                if verdicts == {"compatible"}:
                    del self.reasons[kept:]
                    return "compatible"
                # The members beside the alternatives may settle what these leave open.
                return "unknown" if beside.keys() - ANNOTATIONS else _worst(verdicts)
        branches = narrower.get("allOf")
        if isinstance(branches, list):
            beside = {key: one for key, one in narrower.items() if key != "allOf"}
            for branch in (*branches, beside):
                if self._quietly(wider, branch, at, depth) == "compatible":
                    return "compatible"
        return None

    def _quietly(self, wider: Any, narrower: Any, at: str, depth: int) -> Verdict:
        kept = len(self.reasons)
        verdict = self.compare(wider, narrower, at, depth + 1)
        del self.reasons[kept:]
        return verdict

    def _rules(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> Verdict:
        verdicts = {self._wider_combined(wider, narrower, at, depth)}
        verdicts |= self._not_understood(wider, narrower, at)
        if (named := _listed(wider)) is not None:
            verdicts.add(self._closed(named, narrower, at))
        types, allowed = _types(narrower), _types(wider)
        lost = types - allowed - ({"integer"} if "number" in allowed else set())
        if lost:
            verdicts.add(self._no(f"{at}/type", f"{', '.join(sorted(lost))}: not accepted"))
        if types & {"integer", "number"}:
            verdicts |= self._numbers(wider, narrower, at)
        if "string" in types:
            verdicts |= self._texts(wider, narrower, at)
        if "array" in types:
            verdicts |= self._lists(wider, narrower, at, depth)
        if "object" in types:
            verdicts |= self._objects(wider, narrower, at, depth)
        worst = _worst(verdicts)
        # What was left out of the narrower one might exclude what the wider one refuses.
        left_out = (narrower.keys() - UNDERSTOOD) | (narrower.keys() & {"allOf", "anyOf", "$ref"})
        return "unknown" if worst == "incompatible" and left_out else worst

    def _not_understood(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str
    ) -> set[Verdict]:
        """What the wider one says that is not compared: it must be word for word the same."""
        verdicts: set[Verdict] = set()
        for name in sorted(wider.keys() - UNDERSTOOD):
            is_kept = name in narrower and is_same(wider[name], narrower[name])
            if not is_kept or name in DEPENDENT or _refers(wider[name]):
                verdicts.add(self._unsure(f"{at}/{name}", f"{name} is not compared"))
        return verdicts

    def _wider_combined(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> Verdict:
        verdicts: set[Verdict] = {"compatible"}
        if "$ref" in wider:
            target = _resolve(self.wider_root, wider["$ref"])
            if target is MISSING:
                verdicts.add(self._unsure(f"{at}/$ref", "a reference that cannot be followed"))
            else:
                verdicts.add(self.compare(target, narrower, at, depth + 1))
        for place, branch in enumerate(wider.get("allOf", [])):
            verdicts.add(self.compare(branch, narrower, f"{at}/allOf/{place}", depth + 1))
        if branches := wider.get("anyOf", []):
            found = (self._quietly(branch, narrower, at, depth) for branch in branches)
            if not any(verdict == "compatible" for verdict in found):
                verdicts.add(self._unsure(f"{at}/anyOf", "no alternative accepts all of it alone"))
        return _worst(verdicts)

    def _closed(self, named: list[Any], narrower: dict[str, Any], at: str) -> Verdict:
        types = _types(narrower)
        if types <= {"null", "boolean"}:
            every = [one for one in (None, True, False) if _type_of(one) in types]
            if all(any(is_same(one, value) for value in named) for one in every):
                return "compatible"
        return self._no(f"{at}/enum" if at else "/enum", "only named values are accepted")

    def _numbers(self, wider: dict[str, Any], narrower: dict[str, Any], at: str) -> set[Verdict]:
        verdicts: set[Verdict] = set()
        for name, strict, is_low in (
            ("minimum", "exclusiveMinimum", True),
            ("maximum", "exclusiveMaximum", False),
        ):
            bound, own = _bound(wider, name, strict, is_low), _bound(narrower, name, strict, is_low)
            if bound is not None and (own is None or not _within(own, bound, is_low)):
                where = strict if strict in wider else name
                verdicts.add(self._no(f"{at}/{where}", "numbers beyond this were accepted"))
        if "multipleOf" in wider:
            mine = narrower.get("multipleOf", 1 if _types(narrower) <= _whole() else None)
            wanted = wider["multipleOf"]
            are_whole = isinstance(mine, int) and isinstance(wanted, int)
            if mine != wanted and not (are_whole and wanted and mine % wanted == 0):
                verdicts.add(self._no(f"{at}/multipleOf", "other numbers were accepted"))
        return verdicts

    def _texts(self, wider: dict[str, Any], narrower: dict[str, Any], at: str) -> set[Verdict]:
        verdicts = self._sizes(wider, narrower, at, ("minLength", "maxLength", "texts"))
        for name in ("pattern", "format"):
            if name in wider and narrower.get(name) != wider[name]:
                if name in narrower:
                    verdicts.add(self._unsure(f"{at}/{name}", f"another {name} than before"))
                else:
                    verdicts.add(self._no(f"{at}/{name}", "texts of any form were accepted"))
        return verdicts

    def _sizes(
        self,
        wider: dict[str, Any],
        narrower: dict[str, Any],
        at: str,
        about: tuple[str, str, str],
    ) -> set[Verdict]:
        low, high, what = about
        verdicts: set[Verdict] = set()
        if wider.get(low, 0) > narrower.get(low, 0):
            verdicts.add(self._no(f"{at}/{low}", f"shorter {what} were accepted"))
        if high in wider and narrower.get(high, float("inf")) > wider[high]:
            verdicts.add(self._no(f"{at}/{high}", f"longer {what} were accepted"))
        return verdicts

    def _lists(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> set[Verdict]:
        verdicts = self._sizes(wider, narrower, at, ("minItems", "maxItems", "lists"))
        if wider.get("uniqueItems") is True and narrower.get("uniqueItems") is not True:
            verdicts.add(
                self._no(f"{at}/uniqueItems", "lists with the same item twice were accepted")
            )
        if "items" in wider and narrower.get("maxItems") != 0:
            # Before the rest of a list other rules may hold for its first items.
            own = narrower.get("items", True) if "prefixItems" not in narrower else True
            verdicts.add(self.compare(wider["items"], own, f"{at}/items", depth + 1))
        return verdicts

    def _objects(
        self, wider: dict[str, Any], narrower: dict[str, Any], at: str, depth: int
    ) -> set[Verdict]:
        sizes = ("minProperties", "maxProperties", "objects")
        verdicts = self._sizes(wider, narrower, at, sizes)
        required = set(narrower.get("required", []))
        for name in wider.get("required", []):
            if name not in required:
                verdicts.add(self._no(f"{at}/required", f"{name} could be left out"))
        mine: Mapping[str, Any] = narrower.get("properties", {})
        theirs: Mapping[str, Any] = wider.get("properties", {})
        rest = wider.get("additionalProperties", True)
        # With patterns, what a name that is not listed may hold is not said by one schema.
        own_rest = (
            True if "patternProperties" in narrower else narrower.get("additionalProperties", True)
        )
        whole = partial(self.compare, depth=depth + 1)
        for name in sorted(mine.keys() | theirs.keys()):
            place = f"{at}/properties/{_escaped(name)}"
            if name not in theirs:
                place = f"{at}/additionalProperties"
            verdicts.add(whole(theirs.get(name, rest), mine.get(name, own_rest), at=place))
        verdicts.add(whole(rest, own_rest, at=f"{at}/additionalProperties"))
        return verdicts

    def _no(self, at: str, message: str) -> Verdict:
        self._say(at, message)
        return "incompatible"

    def _unsure(self, at: str, message: str) -> Verdict:
        self._say(at, message)
        return "unknown"

    def _say(self, at: str, message: str) -> None:
        reason = Reason(at, message)
        if len(self.reasons) < MAX_REASONS and reason not in self.reasons:
            self.reasons.append(reason)


def _worst(verdicts: set[Verdict]) -> Verdict:
    """Rules stand beside each other: one that is broken breaks it all."""
    if "incompatible" in verdicts:
        return "incompatible"
    return "unknown" if "unknown" in verdicts else "compatible"


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    given = schema.get("type")
    if given is None:
        return ALL_TYPES
    return frozenset([given] if isinstance(given, str) else given)


def _whole() -> frozenset[str]:
    return ALL_TYPES - {"number"}


def _type_of(value: Any) -> str:
    return "null" if value is None else "boolean"


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _refers(schema: Any) -> bool:
    """Whether there is a reference in it: what it means hangs on where it stands."""
    stack = [schema]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            if any(name in one for name in ("$ref", "$dynamicRef")):
                return True
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return False


def _definitions(root: Any) -> dict[str, Any]:
    if not isinstance(root, dict):
        return {}
    return {name: root[name] for name in ("$defs", "definitions") if name in root}


def _resolve(root: Any, reference: Any) -> Any:
    if not isinstance(reference, str) or "%" in reference:
        return MISSING
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return MISSING
    return find(root, parse_pointer(reference[1:], ""))


def _bound(
    schema: Mapping[str, Any], name: str, strict: str, is_low: bool
) -> tuple[float, bool] | None:
    """The tighter of the two bounds, and whether it is itself left out."""
    found = [(schema[key], key == strict) for key in (name, strict) if key in schema]
    if not found:
        return None
    best = found[0]
    for one in found[1:]:
        if (one[0] > best[0]) if is_low else (one[0] < best[0]):
            best = one
        elif one[0] == best[0]:
            best = (best[0], best[1] or one[1])
    return best


def _within(own: tuple[float, bool], bound: tuple[float, bool], is_low: bool) -> bool:
    if own[0] == bound[0]:
        return own[1] or not bound[1]
    return own[0] > bound[0] if is_low else own[0] < bound[0]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
