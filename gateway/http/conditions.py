"""Conditional requests (RFC 9110, section 13): what If-Match and If-None-Match name."""

import re

_TAG = re.compile(r'(W/)?"([^"]*)"')


def expected(if_match: str | None) -> frozenset[str] | None:
    """The tags one of which must be the present one, without quotes; None: whatever state it is in will do.

    Weak tags are left out, because If-Match compares strongly (section 8.8.3.2): a list of them alone never matches.
    `if_match` has the form that the spec demands.
    """
    if if_match is None or if_match == "*":
        return None
    return frozenset(tag for weak, tag in _TAG.findall(if_match) if not weak)


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller has the state of this tag already. If-None-Match compares weakly."""
    if if_none_match is None:
        return False
    return if_none_match == "*" or any(tag == named for _, named in _TAG.findall(if_none_match))


def entity_tag(tag: str) -> tuple[bytes, bytes]:
    """The ETag header of a strong tag of visible ASCII characters without quotes."""
    return b"etag", f'"{tag}"'.encode()
