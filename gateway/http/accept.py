"""Which answers a client takes: the header Accept (RFC 9110, section 12.5.1)."""

import re

from gateway.errors import NotAcceptable

_USUAL_ACCEPT = (b"application/json, text/event-stream", b"*/*", b"text/event-stream, application/json")
# A weight (RFC 9110, section 12.4.2).
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z").match


def check_accept(value: bytes | None) -> None:
    """Raise NotAcceptable where Accept is given and leaves out `text/event-stream`, as documented."""
    if value is None or value in _USUAL_ACCEPT or not value.strip():
        return
    # The most specific range that fits says how welcome it is (RFC 9110, section 12.5.1).
    weights = dict(_weighted(part) for part in value.decode("latin-1").split(","))
    for fits in ("text/event-stream", "text/*", "*/*"):
        if fits in weights:
            if weights[fits] > 0:
                return
            break
    raise NotAcceptable("Accept must include text/event-stream")


def _weighted(part: str) -> tuple[str, float]:
    """A range of Accept and its weight: 1 where it says none, or what is none."""
    name, *parameters = (item.strip().lower() for item in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q" and _WEIGHT(value.strip()):
            return name, float(value)
    return name, 1.0
