"""Results as each revision knows them: what is newer than the caller's revision is left out or said in an older form.

| since      | what |
|------------|------|
| 2025-03-26 | `annotations` in lists, audio blocks |
| 2025-06-18 | `title`, `outputSchema`, `structuredContent` (an object until 2026-07-28), resource links |
| 2025-11-25 | `icons` |
| 2026-07-28 | `structuredContent` and `outputSchema` of any kind, `resultType`, how long a result keeps |
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.protocol.revisions import is_legacy
from gateway.tools.results import NOTHING, ToolResult

_ANNOTATED = "2025-03-26"
_STRUCTURED = "2025-06-18"
_PICTURED = "2025-11-25"


def of_revision(definition: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """A tool, resource, template or prompt without the fields that are newer than the caller's revision."""
    found = dict(definition)
    if revision < _PICTURED:
        found.pop("icons", None)
    if revision < _STRUCTURED:
        found.pop("title", None)
        if "arguments" in found:
            found["arguments"] = [_without(argument, "title") for argument in found["arguments"]]
    if revision < _ANNOTATED:
        found.pop("annotations", None)
    schema = found.get("outputSchema")
    if schema is not None and (revision < _STRUCTURED or (is_legacy(revision) and schema.get("type") != "object")):
        del found["outputSchema"]
    if revision < _STRUCTURED and "annotations" in found:
        found["annotations"] = _without(found["annotations"], "lastModified")
    return found


def tool_result(result: ToolResult, revision: str) -> dict[str, Any]:
    """A CallToolResult. The JSON is encoded once: as text, and where the revision has it, as `structuredContent`."""
    found: dict[str, Any] = {"content": [block(one, revision) for one in result.blocks]}
    structured: Any = result.structured
    if not result.is_native:
        encoded = orjson.dumps(result.body if result.said is None else result.said)
        found["content"].insert(0, {"type": "text", "text": encoded.decode()})
        structured = orjson.Fragment(encoded)
    if result.is_error:
        found["isError"] = True
        if not result.is_native:
            return found
    if structured is NOTHING or revision < _STRUCTURED:
        return found
    if not is_legacy(revision) or isinstance(structured, dict | orjson.Fragment):
        found["structuredContent"] = structured
    return found


def prompt_result(result: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """A GetPromptResult."""
    messages = [{"role": said["role"], "content": block(said["content"], revision)} for said in result["messages"]]
    return {**result, "messages": messages}


def block(one: Mapping[str, Any], revision: str) -> Mapping[str, Any]:
    """A content block; what the revision does not know becomes a block that it does know."""
    kind = one["type"]
    if kind == "audio" and revision < _ANNOTATED:
        return {
            "type": "resource",
            "resource": {"uri": "toolgate://content/audio", "mimeType": one["mimeType"], "blob": one["data"]},
        }
    if kind == "resource_link":
        if revision < _STRUCTURED:
            about = f": {one['description']}" if one.get("description") else ""
            return {"type": "text", "text": f"{one.get('title') or one['name']} <{one['uri']}>{about}"}
        if revision < _PICTURED:
            one = _without(one, "icons")
    if "annotations" in one and revision < _STRUCTURED:
        return {**one, "annotations": _without(one["annotations"], "lastModified")}
    return one


def _without(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: child for key, child in value.items() if key != name}
