"""Revision 2026-07-28: every request says by headers and `_meta` what it is, and both must agree."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.protocol.envelope import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Message,
    ProtocolError,
)
from gateway.protocol.revisions import LEGACY, MODERN

_VERSION = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
# The parameter that Mcp-Name repeats.
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,300})(?:\.[0-9]{1,300})?")
_ROUTING = frozenset({b"mcp-protocol-version", b"mcp-method", b"mcp-name"})


def check_envelope(message: Message, headers: Mapping[bytes, bytes], raw: Sequence[tuple[bytes, bytes]]) -> None:
    """Hold a request's headers and `_meta` against each other, in the order of the transport's rules.

    Raises ProtocolError (2026-07-28, Streamable HTTP, Request Headers; Versioning).
    """
    _refuse_repeated(raw)
    meta = message.params.get("_meta")
    if not isinstance(meta, dict) or not isinstance(meta.get(_VERSION), str):
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: _meta must have {_VERSION}")
    if not isinstance(meta.get(_CAPABILITIES), dict):
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: _meta must have {_CAPABILITIES}")
    version = _text(headers, b"mcp-protocol-version")
    if version != meta[_VERSION]:
        raise ProtocolError(HEADER_MISMATCH, "MCP-Protocol-Version differs from the _meta of the body")
    if version not in MODERN:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            "Unsupported protocol version",
            data={"supported": [*MODERN, *reversed(LEGACY)], "requested": version},
        )
    if _text(headers, b"mcp-method") != message.method:
        raise ProtocolError(HEADER_MISMATCH, "Mcp-Method is missing or differs from the method of the body")
    named = _NAMED.get(message.method)
    if named is not None and _decoded(_text(headers, b"mcp-name")) != message.params.get(named):
        raise ProtocolError(HEADER_MISMATCH, f"Mcp-Name is missing or differs from params.{named} of the body")


def check_mirrored(
    mirrored: Mapping[str, str],
    arguments: Any,
    headers: Mapping[bytes, bytes],
    raw: Sequence[tuple[bytes, bytes]],
) -> None:
    """Hold the `Mcp-Param-*` headers of a tool call against its arguments: both are there and equal, or neither is.

    `mirrored` names the header of an argument, without its prefix. Raises ProtocolError (2026-07-28, Custom Headers).
    """
    given = arguments if isinstance(arguments, dict) else {}
    for argument, suffix in mirrored.items():
        name = f"Mcp-Param-{suffix}"
        key = name.lower().encode()
        if sum(header == key for header, _ in raw) > 1:
            raise ProtocolError(HEADER_MISMATCH, f"{name} is given more than once")
        value, said = given.get(argument), _text(headers, key)
        if value is None and said is None:
            continue
        if value is None or said is None or not _agrees(value, _decoded(said)):
            raise ProtocolError(HEADER_MISMATCH, f"{name} is missing or differs from arguments.{argument} of the body")


def _agrees(value: Any, said: str | None) -> bool:
    if isinstance(value, bool):
        return said == ("true" if value else "false")
    if isinstance(value, int | float) and said is not None and _DECIMAL.fullmatch(said):
        whole, _, fraction = said.partition(".")
        # 42 and 42.0 are one number; nothing passes through a float, which would round.
        return value == int(whole) if not fraction.strip("0") else str(value) == said
    return isinstance(value, str) and said == value


def _refuse_repeated(raw: Sequence[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in raw if name in _ROUTING]
    if len(names) != len(set(names)):
        raise ProtocolError(HEADER_MISMATCH, "A routing header is given more than once")


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    # httptools leaves trailing blanks in a value (RFC 9110, section 5.5 says they are not part of it).
    return None if value is None else value.strip(b" \t").decode("latin-1")


def _decoded(value: str | None) -> str | None:
    """A header value as text: plain, or `=?base64?...?=` around base64 of UTF-8."""
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, ValueError):
        raise ProtocolError(HEADER_MISMATCH, "A header value has broken base64") from None
