"""Reads `prompts`, `resources` and `resourceTemplates` of `x-connector`, and refuses what could not be served."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.blocks import ANNOTATIONS, DRAFT_BLOCK, ICONS
from gateway.catalog.documents.pointers import join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Action
from gateway.catalog.published import Prompt, PromptArgument, Resource

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\}\}")
MOST = 200
_TEXT = {"type": "string", "maxLength": 10_000}
_LINE = {"type": "string", "maxLength": 1_000, "pattern": r"^[^\x00-\x1f\x7f]*$"}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}
_CONTENT = {"type": "string", "maxLength": 1_000_000}
_ABOUT = {"title": _LINE, "description": _TEXT, "icons": ICONS}
_ARGUMENT = {
    "type": "object",
    "properties": {
        "name": _NAME,
        "title": _LINE,
        "description": _TEXT,
        "required": {"type": "boolean"},
        "complete": {"type": "array", "items": _LINE, "maxItems": 1_000},
    },
    "required": ["name"],
    "additionalProperties": False,
}
_MESSAGE = {
    "type": "object",
    "properties": {"role": {"enum": ["user", "assistant"]}, "content": DRAFT_BLOCK},
    "required": ["role", "content"],
    "additionalProperties": False,
}
_RESOURCE = {
    **_ABOUT,
    "name": {**_LINE, "minLength": 1},
    "mimeType": {"type": "string", "pattern": r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;[\t\x20-\x7e]*)?$"},
    "annotations": ANNOTATIONS,
    "text": _CONTENT,
    "blob": _CONTENT,
    "action": _LINE,
}
# The part of the schema of `x-connector` that is about these.
SCHEMA: Mapping[str, Any] = {
    "prompts": {
        "type": "array",
        "maxItems": MOST,
        "items": {
            "type": "object",
            "properties": {
                **_ABOUT,
                "name": _NAME,
                "arguments": {"type": "array", "items": _ARGUMENT, "maxItems": 50},
                "messages": {"type": "array", "items": _MESSAGE, "minItems": 1, "maxItems": 100},
                "action": _LINE,
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    },
    "resources": {
        "type": "array",
        "maxItems": MOST,
        "items": {
            "type": "object",
            "properties": {**_RESOURCE, "uri": {"$ref": "#/$defs/uri"}},
            "required": ["uri", "name"],
            "additionalProperties": False,
        },
    },
    "resourceTemplates": {
        "type": "array",
        "maxItems": MOST,
        "items": {
            "type": "object",
            "properties": {**_RESOURCE, "uriTemplate": {"$ref": "#/$defs/uri"}},
            "required": ["uriTemplate", "name"],
            "additionalProperties": False,
        },
    },
}
# A scheme and something after it (RFC 3986, section 3); ours are ours.
URI = {"type": "string", "maxLength": 2_048, "pattern": r"^(?!toolgate:)[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"}


def prompts(raw: Mapping[str, Any], actions: Mapping[str, Action], aliases: Mapping[str, str]) -> tuple[Prompt, ...]:
    """The prompts of an `x-connector` that has the right form. Raises DocumentError."""
    found: dict[str, Prompt] = {}
    for number, about in enumerate(raw.get("prompts", ())):
        place = join("#/x-connector/prompts", str(number))
        if about["name"] in found:
            raise DocumentError(join(place, "name"), "uniqueItems", "another prompt has this name.")
        _check_one_of(about, ("messages", "action"), place)
        arguments = tuple(
            PromptArgument(**{**argument, "complete": tuple(argument.get("complete", ()))})
            for argument in about.get("arguments", ())
        )
        names = {argument.name for argument in arguments}
        if len(names) < len(arguments):
            raise DocumentError(join(place, "arguments"), "uniqueItems", "two arguments have one name.")
        _check_placeholders(about.get("messages", ()), names, join(place, "messages"))
        action = _action(about, actions, aliases, place, must_speak_mcp=True)
        found[about["name"]] = Prompt(
            name=about["name"],
            title=about.get("title", ""),
            description=about.get("description", ""),
            icons=tuple(about.get("icons", ())),
            arguments=arguments,
            messages=tuple(about.get("messages", ())),
            action=action,
        )
    return tuple(found.values())


def resources(
    raw: Mapping[str, Any], actions: Mapping[str, Action], aliases: Mapping[str, str]
) -> tuple[Resource, ...]:
    """The resources, then the templates, of an `x-connector` that has the right form. Raises DocumentError."""
    found: dict[str, Resource] = {}
    for section, key in (("resources", "uri"), ("resourceTemplates", "uriTemplate")):
        for number, about in enumerate(raw.get(section, ())):
            place = join(join("#/x-connector", section), str(number))
            uri = about[key]
            _check_one_of(about, ("text", "blob", "action"), place)
            if uri in found:
                raise DocumentError(join(place, key), "uniqueItems", "another resource has this address.")
            resource = Resource(
                uri=uri,
                name=about["name"],
                title=about.get("title", ""),
                description=about.get("description", ""),
                mime_type=about.get("mimeType", ""),
                annotations=about.get("annotations", {}),
                icons=tuple(about.get("icons", ())),
                text=about.get("text"),
                blob=about.get("blob"),
                action=_action(about, actions, aliases, place, must_speak_mcp=False),
                is_template=key == "uriTemplate",
            )
            _check_uri(resource, join(place, key))
            _check_placeholders(resource.text, set(resource.variables), join(place, "text"))
            _check_base64(resource.blob, join(place, "blob"))
            found[uri] = resource
    return tuple(found.values())


def _check_one_of(about: Mapping[str, Any], names: tuple[str, ...], place: str) -> None:
    if sum(name in about for name in names) != 1:
        raise DocumentError(place, "oneOf", f"it must have exactly one of {', '.join(names)}.")


def _action(
    about: Mapping[str, Any],
    actions: Mapping[str, Action],
    aliases: Mapping[str, str],
    place: str,
    *,
    must_speak_mcp: bool,
) -> str | None:
    named = about.get("action")
    if named is None:
        return None
    action = actions.get(named) or actions.get(aliases.get(named, ""))
    if action is None:
        raise DocumentError(join(place, "action"), "known", "the document has no operation of this id.")
    if must_speak_mcp and not action.speaks_mcp:
        raise DocumentError(join(place, "action"), "x-mcp-result", "the operation must say x-mcp-result: true.")
    return action.action_id


def _check_uri(resource: Resource, place: str) -> None:
    written = re.sub(r"\{[A-Za-z0-9_]+\}", "", resource.uri) if resource.is_template else resource.uri
    if re.search(r"[{}\"<>\\^`|]", written):
        what = "a URI template of RFC 6570, level 1" if resource.is_template else "a URI"
        raise DocumentError(place, "uri", f"it is not {what}.")
    if resource.is_template and not resource.variables:
        raise DocumentError(place, "uri", "a template must have a variable such as {id}.")
    if len(set(resource.variables)) < len(resource.variables):
        raise DocumentError(place, "uri", "a variable stands in it twice.")


def _check_placeholders(node: Any, known: set[str], place: str) -> None:
    if isinstance(node, str):
        for name in PLACEHOLDER.findall(node):
            if name not in known:
                raise DocumentError(place, "known", f"{{{{{name}}}}} stands for no argument.")
    elif isinstance(node, Mapping):
        for name, value in node.items():
            # A picture's base64 is no text.
            if name in ("data", "blob"):
                _check_base64(value, join(place, name))
            else:
                _check_placeholders(value, known, join(place, name))
    elif isinstance(node, list | tuple):
        for number, item in enumerate(node):
            _check_placeholders(item, known, join(place, str(number)))


def _check_base64(value: Any, place: str) -> None:
    if not isinstance(value, str):
        return
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise DocumentError(place, "base64", "it is not valid base64.") from None
