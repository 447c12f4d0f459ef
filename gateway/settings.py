"""Every setting, its environment variable and its default; `docs/settings.md` is checked against this module."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path

ALGORITHMS = ("HS256", "RS256", "ES256")
# As browsers send it (RFC 6454, section 6.1): no path, no trailing slash.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9.:_\[\]-]+\Z")
# One scope (RFC 6749, section 3.3): no blank, no quote, no backslash.
SCOPE = re.compile(r"[!#-\[\]-~]{1,128}\Z")
# Of a limit that is not set, and follows TOOLGATE_RATE_LIMIT.
BY_THE_KEYS = -1
_USER_TIMES = 6
_API_KEY = re.compile(r"[A-Za-z0-9_-]{16,512}\Z")


class SettingsError(Exception):
    """A setting cannot be used; the message is one sentence for the operator."""


def _setting(variable: str, default: Any, about: str) -> Any:
    return field(default=default, metadata={"variable": variable, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process, from the environment and the command line. Construction checks them all.

    Raises SettingsError with a sentence that names the variable and the rule.
    """

    data_dir: Path = _setting("TOOLGATE_DATA_DIR", None, "Folder of the database and the secrets.")
    host: str = _setting("TOOLGATE_HOST", "127.0.0.1", "Address to listen on.")
    port: int = _setting("TOOLGATE_PORT", 3000, "Port to listen on.")
    base_url: str = _setting(
        "TOOLGATE_BASE_URL", "", "Public address, as clients reach it; stands in every URL given out."
    )
    api_key: str = _setting("TOOLGATE_API_KEY", "", "Presets the first API key (16 or more of A-Z a-z 0-9 _ -).")
    jwt_secret: str = _setting("TOOLGATE_JWT_SECRET", "", "HS256 secret for JWTs, 32 bytes or more.")
    jwt_jwks_url: str = _setting("TOOLGATE_JWT_JWKS_URL", "", "Address of a JWK set with RS256 or ES256 keys.")
    jwt_issuer: str = _setting("TOOLGATE_JWT_ISSUER", "", "Required `iss` of JWTs.")
    jwt_audience: str = _setting(
        "TOOLGATE_JWT_AUDIENCE", "", "Required `aud` of JWTs; `server`: the URL of the MCP server that is called."
    )
    jwt_scopes: tuple[str, ...] = _setting("TOOLGATE_JWT_SCOPES", (), "Scopes that JWTs must have.")
    jwt_algorithms: tuple[str, ...] = _setting(
        "TOOLGATE_JWT_ALGORITHMS",
        (),
        "Accepted algorithms; default: HS256 with a secret, RS256 and ES256 with a JWK set.",
    )
    egress_allow: tuple[str, ...] = _setting(
        "TOOLGATE_EGRESS_ALLOW", (), "Networks (CIDR) that outbound calls may reach although they are private."
    )
    rate_limit: int = _setting(
        "TOOLGATE_RATE_LIMIT", 100, "Requests per minute and API key, JWT user or token URL; 0: no limit."
    )
    rate_limit_user: int = _setting(
        "TOOLGATE_RATE_LIMIT_USER",
        BY_THE_KEYS,
        "Requests per minute and user, by whatever key they come; default: six times TOOLGATE_RATE_LIMIT; 0: no limit.",
    )
    rate_limit_failures: int = _setting(
        "TOOLGATE_RATE_LIMIT_FAILURES",
        BY_THE_KEYS,
        "Failed authentications per minute and address; default: TOOLGATE_RATE_LIMIT; 0: no limit.",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        "TOOLGATE_ALLOWED_HOSTS",
        (),
        "Further Host names to answer to, beside the base URL's, `localhost` and IP addresses.",
    )
    allowed_origins: tuple[str, ...] = _setting(
        "TOOLGATE_ALLOWED_ORIGINS", (), "Further web origins that may call, beside the base URL's own."
    )
    cors_origins: tuple[str, ...] = _setting(
        "TOOLGATE_CORS_ORIGINS", (), "Web origins whose pages may call and read the answers; `*` for all."
    )
    audit: str = _setting(
        "TOOLGATE_AUDIT",
        "durable",
        "`durable`: an action's audit row is on disk before its answer; `behind`: soon after.",
    )
    audit_arguments: str = _setting(
        "TOOLGATE_AUDIT_ARGUMENTS",
        "none",
        "What of an action's arguments is on record: `none`, `names`, or `values`, redacted.",
    )
    audit_retention_days: int = _setting(
        "TOOLGATE_AUDIT_RETENTION_DAYS", 0, "Audit rows that are older are removed; 0: none is."
    )
    access_log: bool = _setting("TOOLGATE_ACCESS_LOG", False, "`on` logs one line per request, tokens redacted.")
    log_level: str = _setting("TOOLGATE_LOG_LEVEL", "info", "`debug`, `info`, `warning` or `error`.")
    direct_tools: int = _setting(
        "TOOLGATE_DIRECT_TOOLS",
        1_000,
        "Above so many tools, a server in direct mode offers discovery beside them; 0: never.",
    )
    max_concurrency: int = _setting("TOOLGATE_MAX_CONCURRENCY", 1024, "Requests at once; more are answered 503.")
    max_calls_server: int = _setting(
        "TOOLGATE_MAX_CALLS_SERVER",
        64,
        "Actions under way at once on one MCP server; more are answered 429; 0: no cap",
    )
    max_calls_account: int = _setting(
        "TOOLGATE_MAX_CALLS_ACCOUNT", 256, "Actions under way at once in one account; more are answered 429; 0: no cap."
    )
    max_connections: int = _setting(
        "TOOLGATE_MAX_CONNECTIONS", 4096, "Connections at once; the next one is answered 503 and closed."
    )
    max_streams: int = _setting(
        "TOOLGATE_MAX_STREAMS", 256, "Answers that are open as event streams at once, a quarter of them for one caller."
    )
    shutdown_seconds: int = _setting(
        "TOOLGATE_SHUTDOWN_SECONDS", 8, "How long a stop waits for the requests that are under way."
    )
    http: str = _setting("TOOLGATE_HTTP", "auto", "`httptools`, `h11`, or `auto`: httptools where it is installed.")

    @property
    def public_url(self) -> str:
        """The base URL without a trailing slash."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 (compared, not bound)
        return f"http://[{host}]:{self.port}" if ":" in host and "[" not in host else f"http://{host}:{self.port}"

    @property
    def user_limit(self) -> int:
        """Requests per minute and user; 0: no limit. Six servers or keys can be at their limits for one user."""
        return _USER_TIMES * self.rate_limit if self.rate_limit_user == BY_THE_KEYS else self.rate_limit_user

    @property
    def failure_limit(self) -> int:
        """Failed authentications per minute and address; 0: no limit."""
        return self.rate_limit if self.rate_limit_failures == BY_THE_KEYS else self.rate_limit_failures

    def __post_init__(self) -> None:
        for check in (self._check_listen, self._check_urls, self._check_jwt, self._check_words, self._check_networks):
            check()

    def _check_listen(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"TOOLGATE_PORT must be from 0 to 65535, not {self.port}.")
        if self.rate_limit < 0:
            raise SettingsError("TOOLGATE_RATE_LIMIT must be 0 (off) or more.")
        for variable, value in (
            ("TOOLGATE_RATE_LIMIT_USER", self.rate_limit_user),
            ("TOOLGATE_RATE_LIMIT_FAILURES", self.rate_limit_failures),
        ):
            if value < BY_THE_KEYS:
                raise SettingsError(f"{variable} must be 0 (off) or more.")
        if self.max_concurrency < 1:
            raise SettingsError("TOOLGATE_MAX_CONCURRENCY must be 1 or more.")
        if min(self.max_calls_server, self.max_calls_account) < 0:
            raise SettingsError("TOOLGATE_MAX_CALLS_SERVER and TOOLGATE_MAX_CALLS_ACCOUNT must be 0 (no cap) or more.")
        if self.max_connections < 1:
            raise SettingsError("TOOLGATE_MAX_CONNECTIONS must be 1 or more.")
        if self.max_streams < 0:
            raise SettingsError("TOOLGATE_MAX_STREAMS must be 0 (none) or more.")
        if self.shutdown_seconds < 1:
            raise SettingsError("TOOLGATE_SHUTDOWN_SECONDS must be 1 or more.")

    def _check_urls(self) -> None:
        for variable, value in (("TOOLGATE_BASE_URL", self.base_url), ("TOOLGATE_JWT_JWKS_URL", self.jwt_jwks_url)):
            try:
                parts = urlsplit(value)
                _ = parts.port
            except ValueError:
                raise SettingsError(f"{variable} is not a URL.") from None
            if value and (
                parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment
            ):
                raise SettingsError(f"{variable} must be an http or https URL with a host, without user or fragment.")
        if urlsplit(self.base_url).query:
            raise SettingsError("TOOLGATE_BASE_URL must not have a query.")

        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.match(origin):
                raise SettingsError(
                    f"TOOLGATE_CORS_ORIGINS: {origin!r} is not an origin such as https://app.example.com, and not `*`."
                )

    def _check_jwt(self) -> None:
        if self.jwt_secret and len(self.jwt_secret.encode()) < 32:
            raise SettingsError("TOOLGATE_JWT_SECRET must have 32 bytes or more.")
        if unknown := set(self.jwt_algorithms) - set(ALGORITHMS):
            raise SettingsError(
                f"TOOLGATE_JWT_ALGORITHMS knows {', '.join(ALGORITHMS)}, not {', '.join(sorted(unknown))}."
            )
        for scope in self.jwt_scopes:
            if not SCOPE.match(scope):
                raise SettingsError(f"TOOLGATE_JWT_SCOPES: {scope!r} is not a scope (RFC 6749, section 3.3).")
        if self.jwt_algorithms and not (self.jwt_secret or self.jwt_jwks_url):
            raise SettingsError("TOOLGATE_JWT_ALGORITHMS needs TOOLGATE_JWT_SECRET or TOOLGATE_JWT_JWKS_URL.")

    def _check_words(self) -> None:
        if self.api_key and not _API_KEY.match(self.api_key):
            raise SettingsError("TOOLGATE_API_KEY must be 16 to 512 characters of A-Z, a-z, 0-9, _ and -.")
        if self.audit not in ("durable", "behind"):
            raise SettingsError("TOOLGATE_AUDIT must be `durable` or `behind`.")
        if self.audit_arguments not in ("none", "names", "values"):
            raise SettingsError("TOOLGATE_AUDIT_ARGUMENTS must be `none`, `names` or `values`.")
        if not 0 <= self.audit_retention_days <= 36_500:
            raise SettingsError("TOOLGATE_AUDIT_RETENTION_DAYS must be from 0 (for ever) to 36500.")
        if self.http not in ("auto", "httptools", "h11"):
            raise SettingsError("TOOLGATE_HTTP must be auto, httptools or h11.")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError("TOOLGATE_LOG_LEVEL must be debug, info, warning or error.")

    def _check_networks(self) -> None:
        for network in self.egress_allow:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise SettingsError(f"TOOLGATE_EGRESS_ALLOW: {network!r} is not a network in CIDR form.") from None


def _convert(variable: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in ("on", "off", "true", "false", "1", "0"):
            raise SettingsError(f"{variable} must be on or off.")
        return text.lower() in ("on", "true", "1")
    if isinstance(default, int):
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise SettingsError(f"{variable} must be a whole number, not {text!r}.")
        return int(text)
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def load(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from the environment; `given` (the command line) wins where it is not None.

    Raises SettingsError.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for item in fields(Settings):
        text = environment.get(item.metadata["variable"], "").strip()
        if given.get(item.name) is not None:
            values[item.name] = given[item.name]
        elif text:
            values[item.name] = _convert(item.metadata["variable"], text, item.default)
    values["data_dir"] = Path(values.get("data_dir") or user_data_path("toolgate", appauthor=False)).expanduser()
    return Settings(**values)
