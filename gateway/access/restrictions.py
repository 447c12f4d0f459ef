"""Restrictions as they are kept; what they mean is the business of gateway/access/policy.py."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.access.caller import ME

_SECTIONS = ("connectors", "actions", "users")


def kept(restrictions: Mapping[str, Any] | None, user_id: str) -> dict[str, Any] | None:
    """Without sections that are null, which the documented answer does not know, and with the id of the caller for
    `me`, which must not mean somebody else when another reads it."""
    if restrictions is None:
        return None
    sections = {name: dict(restrictions[name]) for name in _SECTIONS if restrictions.get(name) is not None}
    users = sections.get("users", {})
    for name in ("allowedIds", "blockedIds"):
        if name in users:
            users[name] = [user_id if named == ME else named for named in users[name]]
    return sections


def encoded(restrictions: Mapping[str, Any] | None) -> str | None:
    """As the column has it: JSON text, or NULL where nothing is restricted."""
    return orjson.dumps(restrictions).decode() if restrictions else None


def decoded(text: str | None) -> dict[str, Any]:
    """What `encoded` was given, an empty object for NULL."""
    return orjson.loads(text) if text else {}
