"""Where a platform is: server URLs, their variables, and what must hold of them (OpenAPI 3.0.3, Server Object)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from gateway.catalog.documents.pointers import expect_list, expect_object, join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Field

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9_-]|\.(?!\.))+")
_AUTHORITY = re.compile(rf"({_HOST.pattern})(?::([0-9]{{1,5}}))?")
# A pattern that lists the values it admits, each made of labels: `^(?:com|com\.au)$`.
_LABELS = r"[a-z0-9-]+(?:\\\.[a-z0-9-]+)*"
_LISTED = re.compile(rf"\^\(\?:({_LABELS})(?:\|{_LABELS})*\)\$")
# A host whose scheme was forgotten: one with a port, an IPv4 address, `localhost`, or three labels of which the last is
# a word. Two labels alone could be a relative path (`index.php`).
_BARE_HOST = re.compile(
    r"(?:(?P<inner>localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?|[a-z0-9-]+(?:\.[a-z0-9-]+)*:\d{1,5}|"
    r"(?:[a-z0-9-]+\.){2,}[a-z]{2,})(?:/|$)",
    re.IGNORECASE,
)
_PATH_SAFE = "/:@!$&'()*+,;=~-._%{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a server URL may lean on: the fields of credentials, and where the document lay."""

    fields: Mapping[str, Field]
    source_url: str | None
    base_url: str | None


def root(document: Mapping[str, Any], around: Surroundings) -> str:
    """The connector's base URL, without a trailing slash; `{field}` placeholders stay. Raises DocumentError."""
    if around.base_url is not None:
        return check(around.base_url, "baseUrl", around.fields)
    servers = document.get("servers")
    if not servers and around.source_url is not None:
        # Without servers, the document's own address counts as `/` (OpenAPI 3.0.3, OpenAPI Object).
        servers = [{"url": "/"}]
    if not servers:
        raise DocumentError("#/servers", "required", "the document names no server: give a base URL.")
    return _first(servers, "#/servers", around)


def own(node: Mapping[str, Any], place: str, around: Surroundings, documented_root: str | None) -> str | None:
    """The server of a path or an operation; None where it has none, or only repeats the document's."""
    servers = node.get("servers")
    if not servers:
        return None
    try:
        found = _first(servers, join(place, "servers"), around)
    except DocumentError as error:
        # Whoever gave a base URL did so because the document's own cannot be completed.
        if around.base_url is not None and error.rule in ("variables", "absolute", "fields"):
            return None
        raise
    return None if found == documented_root else found


def documented_root(document: Mapping[str, Any], around: Surroundings) -> str | None:
    """What `root` would be without a base URL; None where that cannot be told."""
    try:
        return root(document, Surroundings(fields=around.fields, source_url=around.source_url, base_url=None))
    except DocumentError:
        return None


def _first(servers: Any, place: str, around: Surroundings) -> str:
    place = join(place, 0)
    server = expect_object(expect_list(servers, place.rpartition("/")[0])[0], place)
    url = server.get("url")
    if not isinstance(url, str):
        raise DocumentError(join(place, "url"), "type", "it must be a string.")
    variables = server.get("variables")
    url = _substituted(url, variables if isinstance(variables, Mapping) else {}, around.fields, join(place, "url"))
    # An empty one is meant as `/` by those who write it, not as the document's own address.
    url = _with_scheme(url.strip(), around) or "/"
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        base = around.base_url or around.source_url
        if base is None:
            raise DocumentError(join(place, "url"), "absolute", "this server is relative: give a base URL.")
        url = urljoin(base, url)
    return check(url, join(place, "url"), around.fields)


def _with_scheme(url: str, around: Surroundings) -> str:
    """The URL; with a scheme, where it is only a host (`127.0.0.1:8055`), which OpenAPI would read as a path."""
    bare = _BARE_HOST.match(url)
    if bare is None:
        return url
    host = url.partition("/")[0].lower()
    for known in (around.base_url, around.source_url):
        if known is not None and urlsplit(known).netloc.lower() == host:
            return f"{urlsplit(known).scheme}://{url}"
    return f"{'http' if bare['inner'] else 'https'}://{url}"


def _substituted(url: str, variables: Mapping[str, Any], fields: Mapping[str, Field], place: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in fields:
            return match[0]
        about = variables.get(name)
        default = about.get("default") if isinstance(about, Mapping) else None
        if not isinstance(default, str):
            raise DocumentError(
                place, "variables", f"{{{name[:100]}}} has no default and is no field: give a base URL."
            )
        return default

    return _PLACEHOLDER.sub(value, url)


def check(url: str, place: str, fields: Mapping[str, Field]) -> str:
    """A server URL that can be called, without a trailing slash. Raises DocumentError.

    http or https, with a host and neither user nor query nor fragment. A field may stand in the path and in the host,
    but a host must end in two literal labels: whoever stores a credential must not choose where it is sent. A field
    whose pattern lists its values (`^(?:com|eu)$`) may stand anywhere in it: they are the document's own.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DocumentError(place, "url", "it is not a URL.") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise DocumentError(place, "scheme", "a server must have an http or https URL.")
    if "@" in parts.netloc:
        raise DocumentError(place, "userinfo", "a server's URL must not hold a user or a password.")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise DocumentError(place, "url", "a server's URL must have neither a query nor a fragment.")
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise DocumentError(place, "url", "a server's URL must not hold spaces, control characters or backslashes.")
    unknown = [name for name in _PLACEHOLDER.findall(url) if name not in fields]
    if unknown or "{" in _PLACEHOLDER.sub("", url) or "}" in _PLACEHOLDER.sub("", url):
        raise DocumentError(place, "fields", "a {name} in a base URL must be one of the connector's fields.")
    _check_authority(_PLACEHOLDER.sub(lambda match: _listed(fields[match[1]]) or match[0], parts.netloc), place)
    return f"{parts.scheme.lower()}://{parts.netloc}{quote(parts.path.rstrip('/'), safe=_PATH_SAFE)}"


def _listed(field: Field) -> str | None:
    """The first value of a field whose pattern lists them all, else None."""
    match = _LISTED.fullmatch(field.pattern)
    return match[1].replace("\\", "") if match else None


def _check_authority(authority: str, place: str) -> None:
    host = _PLACEHOLDER.sub("{}", authority)
    match = _AUTHORITY.fullmatch(host.replace("{}", "x"))
    if match is None or not 0 < int(match[2] or 80) < 65536:
        raise DocumentError(place, "host", "a server's URL must name a host, in ASCII.")
    labels = host.split(".")
    if "{}" in host and (len(labels) < 3 or any("{}" in label for label in labels[-2:])):
        raise DocumentError(place, "host", "a field may be a part of the host, not the whole of it: give a base URL.")
