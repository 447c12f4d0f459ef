"""Bodies as bytes: JSON, forms, files, text (OpenAPI 3.0.3, Media Type Object and Encoding Object)."""

import base64
import binascii
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import quote_plus, unquote

import orjson

from gateway.catalog.actions.inputs import SEQUENCES, essence, is_xml
from gateway.catalog.actions.layout import BODY
from gateway.catalog.documents.pointers import followed
from gateway.catalog.model import Action, Body
from gateway.catalog.schemas.dialect import is_address, is_binary
from gateway.catalog.schemas.objects import Shape
from gateway.errors import InvalidRequest
from gateway.execution import xml
from gateway.execution.styles import brackets, json_text, text

_FORM = "application/x-www-form-urlencoded"
_DELIMITERS = {"spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;[\t\x20-\x7e]*)?")


def encode(action: Action, document: Mapping[str, Any], shape: Shape | None, body: Any) -> tuple[bytes, str]:
    """The body's bytes and its Content-Type.

    `body` is what the schema admits, and `shape` the schema's; files are base64 text, or `{"base64", "filename"?,
    "contentType"?}`. An action with `x-graphql` sends `{"query", "variables"}`. Raises InvalidRequest where the body
    cannot be written so.
    """
    if action.graphql is not None:
        return orjson.dumps({"query": action.graphql, "variables": body}), "application/json"
    described = action.body
    media_type = "application/json" if described is None else described.media_type
    name = essence(media_type)
    if name in SEQUENCES:
        before, after = SEQUENCES[name]
        items = body if isinstance(body, list) else [body]
        return b"".join(before + orjson.dumps(item) + after for item in items), media_type
    if described is None or name.endswith("json"):
        return orjson.dumps(body), media_type
    if name == _FORM:
        return "&".join(_form(described, _fields(body))).encode(), _FORM
    if name == "multipart/form-data":
        boundary = secrets.token_hex(16)
        properties = shape.properties if shape is not None else {}
        parts = b"".join(_multipart(document, described, properties, _fields(body), boundary))
        return parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    if is_xml(name) and isinstance(body, (dict, list)):
        return xml.written(document, described.schema, body).encode(), media_type
    if is_binary(_followed(document, described.schema)):
        file = _File(body, f"parameters.{BODY}")
        return file.data, file.content_type or media_type
    return text(body).encode(), media_type


def _fields(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        _refuse(f"parameters.{BODY}", "type", "must be an object: it is sent as a form")
    return body


def _form(body: Body, fields: Mapping[str, Any]) -> Iterator[str]:
    """`name=value` pairs. Null is left out.

    A list of plain values repeats its name, unless the document encodes it otherwise (style `form` and `explode`, the
    specification's default); objects, and lists of objects, for which it has no rule, are written in brackets.
    """
    for name, value in fields.items():
        if value is None:
            continue
        said = body.encoding.get(name)
        encoding = said if isinstance(said, Mapping) else {}
        if "json" in str(encoding.get("contentType", "")):
            yield _pair(name, json_text(value))
        elif not isinstance(value, (dict, list)):
            yield _pair(name, text(value))
        elif isinstance(value, dict) or encoding.get("style") == "deepObject" or _holds_containers(value):
            yield from (_pair(key, item) for key, item in brackets(name, value))
        elif encoding.get("explode", True):
            yield from (_pair(name, text(item)) for item in value)
        else:
            delimiter = _DELIMITERS.get(str(encoding.get("style")), ",")
            yield _pair(name, delimiter.join(map(text, value)))


def _holds_containers(value: list[Any]) -> bool:
    return any(isinstance(item, (dict, list)) for item in value)


def _pair(name: str, value: str) -> str:
    return f"{quote_plus(name)}={quote_plus(value)}"


def _multipart(
    document: Mapping[str, Any], body: Body, properties: Mapping[str, Any], fields: Mapping[str, Any], boundary: str
) -> Iterator[bytes]:
    """The parts (RFC 7578). Lists become one part per item, objects become JSON; null is left out."""
    for name, value in fields.items():
        schema = _followed(document, properties.get(name, {}))
        items = value if isinstance(value, list) else [value]
        of_items = _followed(document, schema.get("items", {})) if isinstance(value, list) else schema
        said = body.encoding.get(name)
        content_type = said.get("contentType") if isinstance(said, Mapping) else None
        for item in items:
            if item is None:
                continue
            is_file = is_binary(of_items) or (isinstance(item, dict) and is_address(of_items))
            part = _part(item, is_file=is_file, field=f"parameters.{name}")
            if part.content_type is None and isinstance(content_type, str) and _MEDIA_TYPE.fullmatch(content_type):
                part.content_type = content_type
            yield part.written(name, boundary)


class _Part:
    """One part of a multipart body."""

    def __init__(self, data: bytes, filename: str | None, content_type: str | None) -> None:
        self.data = data
        self.filename = filename
        self.content_type = content_type

    def written(self, name: str, boundary: str) -> bytes:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if self.filename is not None:
            head += f'; filename="{_quoted(self.filename)}"'
        if self.content_type is not None:
            head += f"\r\nContent-Type: {self.content_type}"
        return f"{head}\r\n\r\n".encode() + self.data + b"\r\n"


class _File(_Part):
    """A file from its base64. Raises InvalidRequest that names the field."""

    def __init__(self, value: Any, field: str) -> None:
        described = _of_resource(value) if isinstance(value, Mapping) else {"base64": value}
        content_type = described.get("contentType")
        if content_type is not None and not (isinstance(content_type, str) and _MEDIA_TYPE.fullmatch(content_type)):
            _refuse(f"{field}.contentType", "pattern", "must be a media type")
        # A part without a file name is a plain value to most servers.
        filename = described.get("filename") or "file"
        super().__init__(_decoded(described.get("base64"), field), filename, content_type)


def _of_resource(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file as it is given; the contents of an MCP resource as a file with the last part of its address for a name."""
    if "base64" in value:
        return value
    content = value.get("blob")
    if content is None:
        content = base64.b64encode(str(value.get("text", "")).encode()).decode()
    # `file:///a/b.txt?v=1` is b.txt, whatever the scheme.
    name = unquote(re.split(r"[?#]", str(value.get("uri", "")))[0].rstrip("/").rpartition("/")[2])
    return {"base64": content, "filename": name[:255], "contentType": value.get("mimeType")}


def _part(value: Any, *, is_file: bool, field: str) -> _Part:
    if is_file:
        file = _File(value, field)
        file.content_type = file.content_type or "application/octet-stream"
        return file
    if isinstance(value, (dict, list)):
        return _Part(orjson.dumps(value), None, "application/json")
    return _Part(text(value).encode(), None, None)


def _decoded(value: Any, field: str) -> bytes:
    if not isinstance(value, str):
        _refuse(field, "type", "must be a file's bytes in base64")
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        _refuse(field, "base64", "is not valid base64")


def _quoted(name: str) -> str:
    """A name in a multipart head as browsers write it (HTML, form submission): it ends neither itself nor its line."""
    return re.sub(r'[\x00-\x1f\x7f"]', lambda match: f"%{ord(match[0]):02X}", name)


def _followed(document: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    found = followed(document, schema)
    return found if isinstance(found, Mapping) else {}


def _refuse(field: str, rule: str, sentence: str) -> NoReturn:
    raise InvalidRequest.of(field, rule, f"{field} {sentence}")
