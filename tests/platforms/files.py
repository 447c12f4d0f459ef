"""Bodies and answers that are files, as the facts state them and the stand-in reads them."""

import base64
import json
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from itertools import zip_longest
from typing import Any


@dataclass(frozen=True)
class Part:
    """A part of a multipart body; `value` instead of `content` where it is JSON."""

    name: str
    filename: str | None = None
    # None where the platform leaves it to the sender.
    content_type: str | None = None
    content: bytes | None = None
    value: Any = ...


@dataclass(frozen=True)
class File:
    """An answer that is a file."""

    content_type: str
    content: bytes

    def as_value(self) -> dict[str, Any]:
        """What an assistant gets of it."""
        encoded = base64.b64encode(self.content).decode()
        return {"contentType": self.content_type, "size": len(self.content), "base64": encoded}


def read_parts(content_type: str, body: bytes, wanted: tuple[Part, ...]) -> list[Part]:
    """A multipart body's parts, read as mail is (RFC 7578 leans on RFC 2046), in the form of those that are wanted."""
    head = f"content-type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    found = message.get_payload()
    pairs = zip_longest(found if isinstance(found, list) else [], wanted)
    return [_read(part, like or Part("")) for part, like in pairs if isinstance(part, Message)]


def _read(part: Message, like: Part) -> Part:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    value: Any = ...
    if like.value is not ...:
        try:
            value = json.loads(content)
        except ValueError:
            value = content
    return Part(
        name=str(part.get_param("name", header="content-disposition")),
        filename=part.get_filename(),
        content_type=None if like.content_type is None else part.get("content-type"),
        content=content if value is ... else None,
        value=value,
    )
