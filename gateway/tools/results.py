"""What a tool answers: JSON for those who read data, content blocks of MCP for assistants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class Nothing:
    """No structured content: `None` would be content of `null`."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = Nothing()
_FILES = {"image": "image", "audio": "audio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """One answer of a tool."""

    # The documented JSON, as REST answers it.
    body: Mapping[str, Any]
    # What MCP says instead of `body`, where that differs: a file stands in a block, and not in the JSON too.
    said: Mapping[str, Any] | None = None
    # Blocks that stand after the JSON, or with `is_native` in its place.
    blocks: tuple[Mapping[str, Any], ...] = ()
    # The blocks, and the structured content, are those of a platform that speaks MCP.
    is_native: bool = False
    structured: Any = field(default=NOTHING)
    is_error: bool = False


def file_result(body: dict[str, Any]) -> ToolResult:
    """The answer of an action whose `responseData` is a file: the file as a block of its kind, the rest as JSON."""
    file = body["responseData"]
    if "base64" not in file:
        return ToolResult(body=body)
    about = {name: value for name, value in file.items() if name != "base64"}
    media_type = file["contentType"]
    kind = media_type.partition("/")[0]
    if kind in _FILES:
        block = {"type": kind, "data": file["base64"], "mimeType": media_type}
    else:
        uri = f"toolgate://executions/{body['executionId']}"
        block = {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "blob": file["base64"]}}
    said = {**body, "responseData": {**about, "content": "The file itself stands in the next block."}}
    return ToolResult(body=body, said=said, blocks=(block,))
