"""Schemas for assistants (self-contained, bounded) and for the validator (whole, recursive)."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gateway.catalog.documents.pointers import target
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.schemas.complaints import Complaint, complain
from gateway.catalog.schemas.dialect import Converted, Converter
from gateway.catalog.schemas.inlining import SHORT, Inliner, TooLarge
from gateway.catalog.schemas.keywords import is_nullable
from gateway.catalog.schemas.patterns import Validator, compiled, compiles
from gateway.catalog.schemas.weights import weight

# Roughly the characters of a schema as JSON: what one action may take of an assistant's attention.
BUDGET = 60_000
_DEPTHS = (10, 7, 5, 4, 3, 2, 1)
_MOST_DEFINITIONS = 5_000
# About a second of the engine's work; the heaviest action of the real documents at hand weighs two hundred.
_HEAVIEST = 20_000_000
# A reference, whether the schema is opened (`Converter.reference`), and how many choices may still follow.
_Key = tuple[str, bool, int | None]


def resolve(
    document: Mapping[str, Any], schema: Any, *, budget: int = BUDGET, files: bool = False, answer: bool = False
) -> dict[str, Any]:
    """A schema of the document as self-contained JSON Schema 2020-12, for an assistant to read.

    References are written out. Where a schema comes back to itself, or stands deeper than ten schemas within one
    another, a stub stands that admits anything of the right type and says what it stands for. `budget` bounds the size,
    in characters of JSON: what is larger is cut at fewer levels, so that all of the upper ones are shown. `files`:
    binary strings are files, given in base64. `answer`: the schema is that of an answer, and not of what is sent.
    """
    for depth in _DEPTHS:
        try:
            return _as_object(_for(Inliner(document, depth, budget, files=files), answer).schema(schema))
        except TooLarge:
            continue
    return _as_object(_for(Inliner(document, 0, None, files=files, longest=SHORT), answer).schema(schema))


def _for(inliner: Inliner, answer: bool) -> Inliner:
    inliner.left_out = "writeOnly" if answer else inliner.left_out
    return inliner


def validator(document: Mapping[str, Any], schema: Any, *, files: bool = False, answer: bool = False) -> Validator:
    """A compiled validator of the same input, recursion included. It never fetches anything.

    Patterns that the engine cannot compile are left out, and so are choices below two others where a small value could
    keep it busy: the platform will judge. Compiling takes a millisecond or so: keep the result. Raises DocumentError
    where a small value could keep the engine busy all the same.
    """
    bundle = _bundle(_Bundler(document, files=files, answer=answer), schema)
    if weight(bundle) > _HEAVIEST:
        bundle = _bundle(_Bundler(document, files=files, choices=2, answer=answer), schema)
        if weight(bundle) > _HEAVIEST:
            raise DocumentError("#", "complexity", "a schema of this action refers to itself by too many ways at once.")
    return _compiled_whole(bundle)


def explain(document: Mapping[str, Any], schema: Any, value: Any, *, files: bool = False) -> Complaint:
    """What is wrong with a value that `validator` refuses.

    An error of a choice holds the errors of all its branches, so with choices inside choices their number grows
    exponentially with the depth of the value: twenty levels keep a processor busy for minutes. So a schema is asked in
    which choices stand two deep at the most, and what is wrong below them is only said to be somewhere.
    """
    check = _compiled_whole(_bundle(_Bundler(document, files=files, choices=2), schema))
    error = next(iter(check.iter_errors(value)), None)
    return complain(error) if error is not None else Complaint((), "anyOf", "holds something that is not documented")


def _bundle(bundler: "_Bundler", schema: Any) -> dict[str, Any]:
    bundle = _as_object(bundler.schema(schema))
    definitions = bundler.definitions()
    return {**bundle, "$defs": definitions} if definitions else bundle


def _compiled_whole(bundle: dict[str, Any]) -> Validator:
    with suppress(ValueError):
        return compiled(bundle)
    return compiled(_without_bad_patterns(bundle))


def _without_bad_patterns(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_bad_patterns(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for name, value in node.items():
        if name == "pattern" and isinstance(value, str) and not compiles(value):
            continue
        if name == "patternProperties" and isinstance(value, dict):
            value = {pattern: child for pattern, child in value.items() if compiles(pattern)}
        kept[name] = value if name in ("enum", "const", "default", "examples") else _without_bad_patterns(value)
    return kept


def _as_object(schema: Converted) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {} if schema else {"not": {}}


class _Bundler(Converter):
    """Each reference becomes one definition, however often it is used, and however it comes back to itself.

    `choices`: how many may stand within one another, across references; those below admit anything.
    """

    def __init__(
        self, document: Mapping[str, Any], *, files: bool, choices: int | None = None, answer: bool = False
    ) -> None:
        super().__init__(document, files=files)
        self.left_out = "writeOnly" if answer else self.left_out
        self._choices = choices
        self._names: dict[_Key, str] = {}
        self._waiting: list[_Key] = []

    def reference(self, node: Mapping[str, Any], *, opened: bool) -> Converted:
        key = (node["$ref"], opened, self._choices)
        if key not in self._names:
            if len(self._names) >= _MOST_DEFINITIONS:
                return {}
            self._names[key] = str(len(self._names))
            self._waiting.append(key)
        found = {**self.beside(node), "$ref": f"#/$defs/{self._names[key]}"}
        return {"anyOf": [found, {"type": "null"}]} if is_nullable(node) else found

    def choice(self, branches: list[Any]) -> list[Converted]:
        if self._choices is None:
            return super().choice(branches)
        if self._choices == 0:
            return [{}]
        self._choices -= 1
        found = super().choice(branches)
        self._choices += 1
        return found

    def definitions(self) -> dict[str, Converted]:
        """All that has been referred to, and what that refers to in turn."""
        found: dict[str, Converted] = {}
        while self._waiting:
            key = self._waiting.pop()
            reference, opened, self._choices = key
            found[self._names[key]] = self.schema(target(self.document, reference), opened=opened)
        return found
