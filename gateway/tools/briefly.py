"""Arguments of a call as a person reads them before saying yes: without secrets, within bounds, and plainly as data."""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.redacting import REDACTED, is_secret_name, without_secrets

# Of what the server's owner reads, in bytes of JSON.
LARGEST = 64 * 1024
_TOO_LARGE = "[too large to be shown]"
# A name that ends in `id` names a thing, which is what a person must see.
_NAMES_A_THING = re.compile(r"(?:[_-]ids?|I[dD]s?)$")
_LONGEST_TEXT, _MOST_ITEMS, _DEEPEST = 500, 20, 6
# Characters of one text, and of all together: searching takes time that everybody waits for.
_LONGEST_SEARCHED, _MOST_SEARCHED = 4_096, 256 * 1024


def shown(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{"arguments", "argumentsShortened"}`: whole where they are small enough, else what is long in them cut."""
    if _fits(arguments) and _fits(whole := _masked(arguments)):
        return {"arguments": whole, "argumentsShortened": False}
    return {"arguments": _in_bounds(arguments), "argumentsShortened": True}


def in_short(value: Any, longest: int) -> str:
    """The value as JSON in one line, every character visible, so that it cannot pass for words of ours."""
    text = visible(_encoded(_in_bounds(value)))
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def _in_bounds(value: Any) -> Any:
    """Masked and cut; only the names, where even that is too large."""
    try:
        cut = _cut(value, [_MOST_SEARCHED])
        if _fits(cut):
            return cut
    except _TooLarge:
        pass
    return {name[:100]: _TOO_LARGE for name in list(value)[:_MOST_ITEMS]} if isinstance(value, Mapping) else _TOO_LARGE


def _fits(value: Any) -> bool:
    try:
        return len(orjson.dumps(value)) <= LARGEST
    except TypeError:
        # Nested deeper than anything that is answered as JSON.
        return False


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def visible(text: str) -> str:
    """Line separators, directions and what else is not seen (Unicode's categories C and Z) as escapes of JSON."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {name: REDACTED if _hides(name, child) else _masked(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_masked(child) for child in value]
    return value


def _hides(name: str, child: Any) -> bool:
    if child is None or isinstance(child, bool) or _NAMES_A_THING.search(name):
        return False
    return is_secret_name(name)


class _TooLarge(Exception):
    """There is more text than is searched for secrets."""


def _cut(value: Any, left: list[int], depth: int = 0) -> Any:
    """Masked, and what is long in it cut. `left` is how many characters may yet be searched. Raises _TooLarge."""
    if isinstance(value, str):
        # Far more than is kept, so that a secret that is cut in two is found whole.
        text = without_secrets(value[:_LONGEST_SEARCHED])
        left[0] -= min(len(value), _LONGEST_SEARCHED)
        if left[0] < 0:
            raise _TooLarge
        cut = len(text) > _LONGEST_TEXT or len(value) > _LONGEST_SEARCHED
        return f"{text[:_LONGEST_TEXT]} ... ({len(value):,} characters)" if cut else text
    if isinstance(value, Mapping | list) and value and depth == _DEEPEST:
        return "[nested too deeply to be shown]"
    if isinstance(value, Mapping):
        found = {
            name[:100]: REDACTED if _hides(name, child) else _cut(child, left, depth + 1)
            for name, child in list(value.items())[:_MOST_ITEMS]
        }
        return found if len(value) <= _MOST_ITEMS else {**found, "...": f"{len(value) - _MOST_ITEMS:,} more"}
    if isinstance(value, list):
        kept = [_cut(child, left, depth + 1) for child in value[:_MOST_ITEMS]]
        return kept if len(value) <= _MOST_ITEMS else [*kept, f"... {len(value) - _MOST_ITEMS:,} more"]
    return value
