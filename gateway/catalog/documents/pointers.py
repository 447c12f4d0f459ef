"""Places in a document, and the local references that point to them (RFC 6901; OpenAPI 3.0.3, Reference Object)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from gateway.catalog.documents.problems import DocumentError

# References that lead to references: one or two are usual.
MOST_HOPS = 50
# Far more than anybody reads; the longest description of the real documents at hand has a fifth of that.
_LONGEST_TEXT = 20_000


def join(place: str, *tokens: str | int) -> str:
    """`join("#/paths", "/a")` is `#/paths/~1a`."""
    return "/".join([place, *(str(token).replace("~", "~0").replace("/", "~1") for token in tokens)])


def lookup(document: Mapping[str, Any], reference: str) -> Any:
    """What a reference such as `#/components/schemas/Pet` points to. Raises LookupError; nothing is fetched, ever."""
    reference = _local(document, reference)
    if reference == "#":
        return document
    if not reference.startswith("#/"):
        raise LookupError(reference)
    node: Any = document
    for token in reference[2:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping):
            # Some writers percent-encode what RFC 6901, section 6 has them encode, others do not.
            node = node[name] if name in node else node[unquote(name)]
        elif isinstance(node, list) and name.isascii() and name.isdigit() and len(name) < 10:
            node = node[int(name)]
        else:
            raise LookupError(reference)
    return node


def _local(document: Mapping[str, Any], reference: str) -> str:
    """A reference without the document's own address before it (OpenAPI 3.2, `$self`)."""
    own = document.get("$self")
    return reference.removeprefix(own) if isinstance(own, str) and own and not reference.startswith("#") else reference


def resolve(document: Mapping[str, Any], reference: Any, place: str) -> Any:
    """Like `lookup`, for a reference that somebody wrote at `place`. Raises DocumentError that names the place."""
    if not isinstance(reference, str):
        raise DocumentError(place, "$ref", "a $ref must be a string.")
    if not _local(document, reference).startswith("#"):
        raise DocumentError(
            place, "$ref", "it refers to another document, and none is fetched: put everything into one (bundle it)."
        )
    try:
        return lookup(document, reference)
    except LookupError:
        raise DocumentError(
            place, "$ref", f"it refers to {reference[:200]}, which the document does not hold."
        ) from None


def follow(document: Mapping[str, Any], node: Any, place: str) -> tuple[Mapping[str, Any], str]:
    """An object, and its place, after the references that lead to it. Raises DocumentError."""
    written = place
    for _ in range(MOST_HOPS):
        if not isinstance(node, Mapping) or "$ref" not in node:
            return expect_object(node, place), place
        reference = node["$ref"]
        node, place = resolve(document, reference, place), reference
    raise DocumentError(written, "$ref", "its references lead in a circle, or on and on.")


def target(document: Mapping[str, Any], reference: str) -> Any:
    """What a reference points to; `{}` where it leads nowhere (documents are checked when they are loaded)."""
    try:
        return lookup(document, reference)
    except LookupError:
        return {}


def followed(document: Mapping[str, Any], node: Any) -> Any:
    """A node after the references that lead to it; `{}` where they lead nowhere."""
    for _ in range(MOST_HOPS):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            return node
        node = target(document, node["$ref"])
    return {}


def expect_object(node: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(node, Mapping):
        raise DocumentError(place, "type", "it must be an object.")
    return node


def expect_list(node: Any, place: str) -> list[Any]:
    if not isinstance(node, list):
        raise DocumentError(place, "type", "it must be a list.")
    return node


def text(node: Mapping[str, Any], name: str) -> str:
    """A text that is only shown: what is not a string counts as absent, and a very long one is cut."""
    value = node.get(name)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
