"""Bytes to a document: JSON, or YAML as OpenAPI wants it (the parts of YAML 1.2 that JSON has too)."""

from typing import Any

import orjson
import yaml

from gateway.catalog.documents.pointers import join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.yaml_events import Limits, build
from gateway.large_json import MOST_VALUES, is_dense, loads

MAX_BYTES = 32 * 1024 * 1024
_SHOWN_TOKENS = 6
# Far deeper than any real document (the deepest seen has 43), far less than what would exhaust the stack of a walk.
LIMITS = Limits(depth=128, nodes=MOST_VALUES)

_TOO_DEEP = f"the document is nested deeper than {LIMITS.depth} levels."
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(data: bytes | str) -> dict[str, Any]:
    """A document from JSON or YAML text, as plain JSON values: what `orjson.dumps` takes.

    In YAML, scalars follow the core schema of YAML 1.2 (section 10.3), as the OpenAPI specification recommends (3.0.3,
    "Format"): `on`, `yes`, `012` and dates stay as they are written, keys such as `200` become strings, a key may stand
    once. In JSON the last of two equal keys counts, as everywhere.

    Raises DocumentError, which names the line: more than MAX_BYTES, not UTF-8, not JSON or YAML, nested deeper or with
    more values than LIMITS (aliases counted as often as they are used), an alias to its own parent, an unknown tag, or
    anything but an object at the top.
    """
    # Before anything is made of it: a text of characters beyond the first plane takes four bytes for each.
    if len(data) > MAX_BYTES:
        raise DocumentError("#", "maxLength", f"a document may have {MAX_BYTES:,} bytes; this one has {len(data):,}.")
    raw = _encoded(data)
    if len(raw) > MAX_BYTES:
        raise DocumentError("#", "maxLength", f"a document may have {MAX_BYTES:,} bytes; this one has {len(raw):,}.")
    document = _json(raw) if raw.lstrip(b" \t\r\n")[:1] == b"{" else _yaml(raw)
    if not isinstance(document, dict):
        raise DocumentError("#", "type", "a document must be an object, in JSON or YAML.")
    return document


def _encoded(data: bytes | str) -> bytes:
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeError:
        raise _not_utf8() from None
    return raw.removeprefix(b"\xef\xbb\xbf")


def _check_utf8(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeError:
        raise _not_utf8() from None


def _not_utf8() -> DocumentError:
    return DocumentError("#", "encoding", "the document is not valid UTF-8.")


def _json(raw: bytes) -> Any:
    if is_dense(raw):
        raise DocumentError("#", "maxItems", f"the document has over {LIMITS.nodes:,} values.")
    try:
        document = loads(raw)
    except orjson.JSONDecodeError as error:
        # Only here, for it takes up to four times the document's memory.
        _check_utf8(raw)
        # The parser's words may quote the text, so only its place is passed on.
        place = f"line {error.lineno}"
        if error.msg.startswith("depth limit"):
            raise DocumentError(place, "depth", _TOO_DEEP) from None
        raise DocumentError(place, "json", f"not valid JSON (column {error.colno}).") from None
    check_depth(document)
    return document


def check_depth(document: Any) -> None:
    """Level by level rather than by recursion, so that the check itself cannot run out of stack."""
    level = [document]
    for _ in range(LIMITS.depth):
        children: list[Any] = []
        for node in level:
            children.extend(node.values() if isinstance(node, dict) else node)
        level = [child for child in children if isinstance(child, (dict, list)) and child]
        if not level:
            return
    raise DocumentError(_deepest(document), "depth", _TOO_DEEP)


def _deepest(document: Any) -> str:
    """The upper tokens of the first place that is nested too deep."""
    waiting: list[tuple[Any, int, tuple[str | int, ...]]] = [(document, 1, ())]
    while waiting:
        node, depth, tokens = waiting.pop()
        if depth > LIMITS.depth:
            return f"{join('#', *tokens)}/..."
        children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        waiting.extend(
            (child, depth + 1, (*tokens, name) if len(tokens) < _SHOWN_TOKENS else tokens)
            for name, child in reversed(list(children))
        )
    return "#"


def _yaml(raw: bytes) -> Any:
    _check_utf8(raw)
    try:
        return build(_LOADER(raw), LIMITS)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else "#"
        raise DocumentError(place, "yaml", "not valid YAML.") from None
    except yaml.YAMLError:
        # A reader error: a character that YAML does not allow, such as a control character.
        raise DocumentError("#", "yaml", "not valid YAML: it holds a character that YAML does not allow.") from None
