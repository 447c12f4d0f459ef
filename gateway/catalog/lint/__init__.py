"""What in a document will make an operator or an assistant stumble, each with its place and a remedy.

A document that cannot be used has one error. Everything else is a warning: it is served all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.swagger import Places, converted, original
from gateway.catalog.documents.versions import is_swagger
from gateway.catalog.lint import of_documents, of_operations
from gateway.catalog.lint.subject import Subject
from gateway.catalog.loader import load
from gateway.catalog.model import Connector

_BASE_URL = "Give the address with --base-url (`baseUrl`)."
_REMEDIES = {
    "absolute": _BASE_URL,
    "variables": f"{_BASE_URL} Or describe the variable under x-connector.fields.",
    "fields": "Describe it under x-connector.fields.",
    "userinfo": "Take it out of the address: credentials are stored with `toolgate credentials add`.",
    "$ref": "Bundle the document into one file, for example with `npx @redocly/cli bundle`.",
    "version": "Convert the document to one of these versions.",
    "uniqueKeys": "Remove one of the two: YAML has no rule which counts.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend. `place` is a JSON pointer into the document as it was brought, or `line 12`."""

    severity: Literal["error", "warning"]
    rule: str
    place: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Report:
    """`connector` is None where the document cannot be used."""

    connector: Connector | None
    findings: tuple[Finding, ...]


def lint(document: Mapping[str, Any], *, connector_id: str = "check", **given: Any) -> Report:
    """What is to be said of a document. `given` goes to `loader.load`: `base_url`, `auth`, `source_url`."""
    try:
        connector = load(document, connector_id=connector_id, **given)
    except DocumentError as problem:
        return Report(None, (error(problem),))
    places: Places = {}
    if is_swagger(document):
        _, places = converted(document, given.get("source_url"))
    subject = Subject.of(connector, overridden=given.get("auth") is not None)
    return Report(
        connector,
        tuple(
            Finding(severity="warning", rule=rule, place=original(place, places), message=message, remedy=remedy)
            for rule, place, message, remedy in (*of_documents.findings(subject), *of_operations.findings(subject))
        ),
    )


def error(problem: DocumentError) -> Finding:
    """The finding for a document that was refused."""
    remedy = _REMEDIES.get(problem.rule, "Mend the document there; nothing of it is served before.")
    return Finding(severity="error", rule=problem.rule, place=problem.place, message=problem.sentence, remedy=remedy)
