"""Everything that follows from the spec, as files; then either compared with what is there, or written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.regenerate import handlers, models, reference
from gateway.regenerate.checkout import Checkout
from gateway.regenerate.operations import operations, read_document

GOLDEN = "tests/spec/golden.json"
# Stands in the golden document for the address of the service that serves it (RFC 2606 keeps the name free).
PLACEHOLDER = "https://toolgate.example"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a checkout should hold."""

    checkout: Checkout
    document: Mapping[str, Any]
    # File name -> whole text.
    files: Mapping[str, str]
    # Handlers without an operation: a person decides whether they go.
    orphans: list[str]
    # Sentences on what could not be made.
    problems: list[str] = field(default_factory=list)

    def differences(self) -> list[str]:
        """The files that are missing or differ, sorted."""
        return sorted(name for name, text in self.files.items() if self.checkout.read(name) != text)

    def write(self) -> list[str]:
        """Write what differs; returns its names."""
        names = self.differences()
        for name in names:
            self.checkout.write(name, self.files[name])
        return names


def plan(checkout: Checkout, *, with_models: bool = True) -> Plan:
    """Work out every file. `with_models` needs datamodel-code-generator; without it `problems` says so.

    Raises RegenerateError where the spec is not valid.
    """
    document = read_document(checkout)
    found = operations(document)
    files = handlers.stubs(checkout, document, found)
    files[GOLDEN] = golden(document)
    files[reference.PAGE] = reference.page(document, found)
    problems = []
    if with_models:
        try:
            files[models.MODULE] = models.module(document, found)
        except models.GeneratorMissing as error:
            problems.append(str(error))
    return Plan(checkout, document, files, handlers.orphans(checkout, found), problems)


def golden(document: Mapping[str, Any]) -> str:
    """The document as served, with a placeholder for the address: pretty, so that a change reads as a diff."""
    served = {**document, "servers": [{"url": PLACEHOLDER, "description": "This service"}]}
    return json.dumps(served, indent=2) + "\n"
