"""What token endpoints answer: by the book (RFC 6749, section 5), and as platforms do it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import parse_qsl, urlsplit

import orjson

from gateway.errors import UpstreamError
from gateway.outbound.messages import Response

# Refused for good: the grant is gone, and only the person can give another (RFC 6749, section 5.2; then Slack, GitHub,
# HubSpot and Zoho, which have words of their own).
_FINAL = frozenset(
    {"invalid_grant", "invalid_refresh_token", "bad_refresh_token", "token_revoked", "token_expired", "invalid_code"}
)
_LONGEST_TOKEN = 16_384
_LONGEST_TEXT = 500
# Ten years: beyond, a number is no lifetime.
_LONGEST_LIFE = 315_360_000
# What may stand in `error` (RFC 6749, section 5.2), and in a token (section A.12, printable ASCII).
_ERROR = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,100}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")
_OURS = frozenset({"access_token", "refresh_token", "expires_in", "token_type", "scope"})


class TokenRefused(UpstreamError):
    """The platform refused, and said why: `error` is its code, `description` its words, without any secret."""

    def __init__(self, host: str, error: str, description: str, status: int) -> None:
        said = f"{error}: {description}" if description else error
        super().__init__(f"{host} refused the token request: {said}", details={"host": host, "error": error})
        self.error = error
        self.description = description
        self.status = status

    @property
    def is_final(self) -> bool:
        """What was presented is void: asking again cannot help, connecting again does."""
        return self.error.casefold() in _FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a token endpoint gave. The repr shows no secret."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    # Seconds since the epoch; None where the platform does not say.
    expires_at: int | None = None
    token_type: str = "Bearer"  # noqa: S105 (the name of a scheme, RFC 6750)
    # Parted by spaces, whatever the platform parts them by; None where it does not say.
    scope: str | None = None
    # Whatever else stood in the answer.
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read(
    response: Response,
    secrets: tuple[str, ...],
    now: float,
    *,
    user_token_field: str | None,
    needs_token: bool = True,
) -> Tokens | None:
    """The tokens of an answer. `secrets` are blotted out of what it says. `user_token_field` is a path with dots to the
    token that counts where the answer has none at its top. Without `needs_token`, a 2xx that names no error is good.

    Raises TokenRefused for an OAuth error in a 2xx or 4xx answer, else UpstreamError.
    """
    host = urlsplit(response.url).hostname or "The platform"
    said = _members(response)
    error = _error(said)
    # 5xx and 429 speak of the platform's troubles, whatever their body says.
    if error is not None and response.status < 500 and response.status != 429:
        raise TokenRefused(host, _blotted(error, secrets), _description(said, secrets), response.status)
    if not 200 <= response.status < 300:
        details = {"host": host, "status": response.status}
        raise UpstreamError(f"{host} answered a token request with the status {response.status}", details=details)
    if not needs_token:
        return None
    token: Any = said.get("access_token")
    source: Mapping[str, Any] = said
    if not token and user_token_field:
        token, source = _inside(said, user_token_field)
    if not _usable(token):
        raise UpstreamError(f"{host} answered a token request without an access token", details={"host": host})
    renewal = source.get("refresh_token")
    kind = source.get("token_type") or said.get("token_type")
    return Tokens(
        access_token=token,
        refresh_token=renewal if _usable(renewal) else None,
        expires_at=_expiry(source.get("expires_in"), now),
        token_type=kind if isinstance(kind, str) and _TOKEN.match(kind) and len(kind) <= 40 else "Bearer",
        scope=_scope(source.get("scope")),
        extra={name: value for name, value in said.items() if name not in _OURS},
    )


def _members(response: Response) -> dict[str, Any]:
    """The members of a JSON object, or the pairs of a form; nothing of anything else."""
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        text = response.body.decode("utf-8", "replace").strip()
        if "=" not in text or text.startswith("<"):
            return {}
        try:
            return dict(parse_qsl(text, max_num_fields=100))
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _error(said: Mapping[str, Any]) -> str | None:
    """The code of a refusal: `error`; or HubSpot's `status`, where no token came; None where nothing was refused."""
    found = said.get("error")
    if isinstance(found, Mapping):
        found = found.get("code") or found.get("type")
    if not found and said.get("ok") is False:
        found = "refused"
    if not found and "access_token" not in said and isinstance(said.get("status"), str) and "message" in said:
        found = said["status"]
    if not found or not isinstance(found, str):
        return None
    return found if _ERROR.match(found) else "refused"


def _description(said: Mapping[str, Any], secrets: tuple[str, ...]) -> str:
    for name in ("error_description", "message", "reason"):
        if isinstance(text := said.get(name), str) and text:
            return _blotted(" ".join(text.split()), secrets)[:_LONGEST_TEXT]
    return ""


def _blotted(text: str, secrets: tuple[str, ...]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def _inside(said: Mapping[str, Any], path: str) -> tuple[Any, Mapping[str, Any]]:
    """What stands at a path with dots, and the object that holds it."""
    holder: Any = said
    *names, last = path.split(".")
    for name in names:
        holder = holder.get(name) if isinstance(holder, Mapping) else None
    return (holder.get(last), holder) if isinstance(holder, Mapping) else (None, {})


def _usable(token: Any) -> TypeGuard[str]:
    # It is to stand in a header, or in a form.
    return isinstance(token, str) and len(token) <= _LONGEST_TOKEN and bool(_TOKEN.match(token))


def _expiry(seconds: Any, now: float) -> int | None:
    """When a token ends; None where `expires_in` is missing, is no number, or says 0, by which some mean never."""
    try:
        life = 0 if isinstance(seconds, bool) else int(float(seconds))
    except (TypeError, ValueError, OverflowError):
        return None
    return int(now) + life if 0 < life <= _LONGEST_LIFE else None


def _scope(value: Any) -> str | None:
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return None
    return " ".join(value.replace(",", " ").split()) or None
