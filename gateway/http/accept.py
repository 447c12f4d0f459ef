"""What a client would like to be answered with (RFC 9110, section 12.5.1)."""

import re

# RFC 9110, section 12.4.2.
_WEIGHT = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z").match


def weights_of(accept: bytes) -> dict[str, float]:
    """The ranges of an `Accept` header and their weights."""
    return dict(_weighted(part) for part in accept.decode("latin-1").split(","))


def _weighted(part: str) -> tuple[str, float]:
    """A range of Accept and its weight: 1 where it says none, or what is none."""
    name, *parameters = (item.strip().lower() for item in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q" and _WEIGHT(value.strip()):
            return name, float(value)
    return name, 1.0
