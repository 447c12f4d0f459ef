"""Where calls go with an OAuth token: to the instance that its platform named, or to the address for such tokens.

The rule for an instance URL, which is what a token endpoint *said*: it names the host alone, and must be https (http
only where the connector's own server is). At a shipped connector the host must be one that the document's server could
have with some value of its fields: `https://{instance}.my.salesforce.com` admits `https://acme.my.salesforce.com` and
no other domain. So a hostile answer cannot lead a token, or what is called with it, to a host of its own. A connector
of an operator's own has only the first part of the rule: whose document names the token endpoint trusts it. In either
case the address that is dialled is judged by gateway.outbound.guard.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from gateway.catalog.model import Connector, Field
from gateway.catalog.servers import check
from gateway.credentials.oauth.provider import PLACEHOLDER

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LABELS = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"


def instance_url(connector: Connector, answer: Mapping[str, Any], field: str | None) -> str | None:
    """The origin that an answer of a token endpoint names in `field`, if it is one to be called; else None."""
    said = answer.get(field) if field else None
    return accepted(connector, said) if isinstance(said, str) else None


def accepted(connector: Connector, url: str) -> str | None:
    """The origin of an instance URL, in lower case, if the rule of this module admits it; else None."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    own = urlsplit(connector.base_url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("https", own.scheme) or not _HOST.fullmatch(host) or ".." in host:
        return None
    if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
        return None
    if connector.shipped and not _expected(connector, host, port):
        return None
    return f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"


def token_base(connector: Connector) -> str | None:
    """The server for calls with a token of OAuth, where the document has one for them (`x-oauth.baseUrl`).

    May hold `{name}`s, which the credential's data fill. Raises InvalidRequest where it is no server's URL.
    """
    about = connector.document.get("x-connector")
    said = about.get("x-oauth") if isinstance(about, Mapping) else None
    url = said.get("baseUrl") if isinstance(said, Mapping) else None
    return _checked(url) if isinstance(url, str) and url else None


@lru_cache(maxsize=256)
def _checked(url: str) -> str:
    fields = {name: Field(name=name, title=name) for name in PLACEHOLDER.findall(url)}
    return check(url, "x-oauth.baseUrl", fields)


def _expected(connector: Connector, host: str, port: int | None) -> bool:
    """Whether the document's server could have this host, and no other port than https's."""
    if port not in (None, 443):
        return False
    template = urlsplit(connector.base_url).netloc.lower()
    if "{" not in template:
        return host == template
    # A field's own pattern is for what people type. What an instance is called may have more labels: Salesforce's
    # sandboxes are `acme--dev.sandbox`. But where a pattern lists its values, as of a domain's end, it means them.
    listed = {field.name.lower(): field.pattern for field in connector.fields if field.pattern.startswith("^(?:")}

    def admitted(match: re.Match[str]) -> str:
        pattern = listed.get(match[1])
        return f"(?:{pattern[1:-1]})" if pattern else _LABELS

    pieces = PLACEHOLDER.split(template)
    names = PLACEHOLDER.finditer(template)
    pattern = "".join(
        re.escape(piece) if index % 2 == 0 else admitted(next(names)) for index, piece in enumerate(pieces)
    )
    return re.fullmatch(pattern, host) is not None
