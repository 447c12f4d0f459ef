"""An action's arguments as the audit trail may keep them: their names, or their values without what is secret.

What is secret is known by its name (`password`, `api_key`), by how it looks (a JWT, `ghp_...`, a private key), and by
what the call itself was made with. That is a net and no proof: whoever must keep nothing keeps names, or nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

REDACTED = "[redacted]"
# Of the text that is kept, in bytes.
MOST = 4_096
_LONGEST_NAME = 100
_LONGEST_VALUE = 200
_DEEPEST = 6
_MOST_ITEMS = 20
_MOST_NAMES = 100

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)$|(^|[-_ ])pass$|^pwd$|secret|token|credential|(api|access|private)[-_ ]?key|"
    r"authorization|^auth$|cookie|session[-_ ]?id|signature|^sig$|^otp$|^pin$|^cv[cv]2?$|card[-_ ]?number|^ssn$|^iban$",
    re.IGNORECASE,
)
# Callers choose what is searched, so no run of characters may be gone through twice. Of a JWT that is begun again and
# again (eyJeyJeyJ) the first one decides: it ends where all of them do.
_SECRET_VALUE = re.compile(
    r"(?:bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<![A-Za-z0-9_-])(?>[A-Za-z0-9_-]*?eyJ)[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)?"
    r"|\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bsk-[\w-]{16,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bxox[a-z]-[\w-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}|\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\btg_[\w-]{20,}|mcp_token_[\w%.~=-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*",
    re.IGNORECASE | re.DOTALL,
)
# user:password@ in a URL.
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")


def names(arguments: Mapping[str, Any], secrets: Iterable[str] = (), most: int = MOST) -> str:
    """JSON text: the names of the arguments, those inside objects with a dot: `["body.title", "limit"]`.

    The first hundred, or fewer where they are long; then the last entry is `...`. `secrets` are texts that must not be
    in it, `most` how many bytes it may have.
    """
    blots = tuple(secret for secret in secrets if secret)
    found: list[str] = []
    room = most - len('["..."]')
    for name in _names(arguments, "", 1):
        shown = _blotted(name, blots).encode(errors="replace").decode()
        room -= len(orjson.dumps(shown)) + 1
        if len(found) == _MOST_NAMES or room < 0:
            found.append("...")
            break
        found.append(shown)
    return _text(found)


def values(arguments: Mapping[str, Any], secrets: Iterable[str] = ()) -> str:
    """JSON text: the arguments, what is secret blotted, what is long cut. `secrets` are texts that must not be in it.

    Where that is still more than MOST bytes, `{"names": [...]}`.
    """
    blots = tuple(secret for secret in secrets if secret)
    try:
        kept = _text(_value(arguments, blots, 0, _Room(MOST)))
    except _Full:
        kept = None
    if kept is None or len(kept.encode()) > MOST:
        return f'{{"names":{names(arguments, blots, MOST - 10)}}}'
    return kept


class _Full(Exception):
    """What there is of texts is more than can be kept."""


class _Room:
    """How many more characters can be kept: what comes too late is not searched for secrets."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, text: str) -> str:
        self.left -= len(text)
        if self.left < 0:
            raise _Full
        return text


def _names(node: Mapping[str, Any], before: str, depth: int) -> Iterator[str]:
    for name, child in node.items():
        path = f"{before}{name[:_LONGEST_NAME]}"
        if isinstance(child, Mapping) and child and depth < _DEEPEST:
            yield from _names(child, f"{path}.", depth + 1)
        else:
            yield path


def _value(node: Any, secrets: tuple[str, ...], depth: int, room: _Room) -> Any:
    if isinstance(node, str):
        return room.take(_blotted(node, secrets))
    if isinstance(node, Mapping | list | tuple) and depth == _DEEPEST:
        return "..."
    if isinstance(node, Mapping):
        kept = {}
        for name, child in list(node.items())[:_MOST_ITEMS]:
            secret = _SECRET_NAME.search(name) is not None and child is not None and not isinstance(child, bool)
            shown = room.take(_blotted(name[:_LONGEST_NAME], secrets))
            kept[shown] = REDACTED if secret else _value(child, secrets, depth + 1, room)
        if len(node) > _MOST_ITEMS:
            kept["..."] = len(node) - _MOST_ITEMS
        return kept
    if isinstance(node, list | tuple):
        items = [_value(child, secrets, depth + 1, room) for child in node[:_MOST_ITEMS]]
        return [*items, "..."] if len(node) > _MOST_ITEMS else items
    if isinstance(node, int) and not isinstance(node, bool) and node.bit_length() > 63:
        return str(node)[:_LONGEST_VALUE]
    return node


def _blotted(text: str, secrets: tuple[str, ...]) -> str:
    # Far more than is kept, so that a secret that is cut in two is found whole; not so much that it takes long.
    shown = text[: 4 * MOST]
    for secret in secrets:
        shown = shown.replace(secret, REDACTED)
    shown = _USERINFO.sub(f"{REDACTED}@", _SECRET_VALUE.sub(REDACTED, shown))
    if len(shown) > _LONGEST_VALUE or len(text) > 4 * MOST:
        return f"{shown[:_LONGEST_VALUE]}... ({len(text)} characters)"
    return shown


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Half a character, or what is no JSON at all.
        return "{}"


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is taken for a secret."""
    return _SECRET_NAME.search(name) is not None


def without_secrets(text: str) -> str:
    """The text, with what looks like a secret blotted."""
    return _USERINFO.sub(f"{REDACTED}@", _SECRET_VALUE.sub(REDACTED, text))
