"""The tokens of token URLs: derived, not stored.

A token is `mcp_token_` and the HMAC-SHA256 (RFC 2104) of the server's id and the random nonce in its row, so it can be
shown again without any secret at rest, and a new nonce revokes it. The HMAC key is derived from the installation's
token key by HKDF-SHA256 (RFC 5869) with a label of its own: a token proves nothing anywhere else.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = "mcp_token_"
NONCE_BYTES = 16
_LABEL = b"toolgate token URL v1"
# The rest of the path segment goes with it: a token cut off or percent-encoded in part is still a secret.
_TOKEN = re.compile(PREFIX + r"[\w%.~=-]+")


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


class TokenIssuer:
    """Issues and checks tokens. `key` is the installation's token key, 32 random bytes."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("the token key must have 32 bytes")
        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_LABEL).derive(key)

    def issue(self, server_id: str, nonce: bytes) -> str:
        """The token of this server in this generation: the prefix and 43 characters of base64url."""
        # Each part carries its length, so that no two pairs make the same message.
        message = _framed(server_id.encode("utf-8", "surrogatepass")) + _framed(nonce)
        digest = hmac.digest(self._key, message, "sha256")
        return PREFIX + urlsafe_b64encode(digest).decode("ascii").rstrip("=")

    def matches(self, token: str, server_id: str, nonce: bytes) -> bool:
        """Whether `token` is this server's, in constant time. Takes any text whatever and never raises."""
        given = token.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(given, self.issue(server_id, nonce).encode("ascii"))


def new_nonce() -> bytes:
    """16 random bytes: a new generation of a server's token."""
    return secrets.token_bytes(NONCE_BYTES)


def redact(text: str) -> str:
    """`text` with every token in it replaced by `mcp_token_[redacted]`, for logs, traces and metrics."""
    if PREFIX not in text:
        return text
    return _TOKEN.sub(PREFIX + "[redacted]", text)
