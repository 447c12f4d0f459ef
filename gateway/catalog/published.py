"""What a connector publishes beside its actions: prompts and resources (`x-connector`, docs/connectors.md)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# RFC 6570, level 1: a variable stands for its value with everything but unreserved characters percent-encoded.
_VARIABLE = re.compile(r"\{([A-Za-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """One argument of a prompt; `complete` are the values to propose for it."""

    name: str
    title: str = ""
    description: str = ""
    required: bool = False
    complete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt with either its `messages`, which hold `{{argument}}`, or the id of the `action` that makes them."""

    name: str
    title: str = ""
    description: str = ""
    icons: tuple[Mapping[str, Any], ...] = ()
    arguments: tuple[PromptArgument, ...] = ()
    messages: tuple[Mapping[str, Any], ...] = ()
    action: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource, or with a `template` many of one form; its content is `text`, `blob` (base64), or an action's."""

    # A URI, or where `variables` are not empty a template of URIs.
    uri: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    icons: tuple[Mapping[str, Any], ...] = ()
    text: str | None = None
    blob: str | None = None
    action: str | None = None
    is_template: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(_VARIABLE.findall(self.uri)) if self.is_template else ()

    def pattern(self) -> re.Pattern[str]:
        """What matches the URIs of a template; each variable is a group of its name's number, still encoded."""
        parts = _VARIABLE.split(self.uri)
        # What no level 1 variable can hold ends it: reserved characters of RFC 3986.
        written = (
            re.escape(part) if at % 2 == 0 else r"((?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+)"
            for at, part in enumerate(parts)
        )
        return re.compile("".join(written))
