"""How a platform wants to know who calls: from `x-connector`, from the operator, or from the security schemes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from gateway.catalog.documents.pointers import expect_object, follow, join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.extension import Extension, title_of
from gateway.catalog.model import Authentication, Field

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_RESERVED = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "cookie", "te"})
_AUTHORIZATION = ("header", "authorization")
_PRINTABLE = r"^[!-~](?:[ -~]{0,1022}[!-~])?$"
# Which of several keys that belong together is the secret, most telling first.
_MOST_SECRET = ("secret", "token", "key")
_TAKES_TOKEN = "An access token for this platform; a sign-in flow is not started."  # noqa: S105 (a sentence, no secret)

# Real documents have ten at the most.
_MOST_SCHEMES = 100
# What stands before a key in `Authorization`, where a document says it in words only: Kubernetes, ASP.NET, Django REST
# framework, Gitea and many others declare such a scheme as an apiKey.
_SAYS_BEARER = re.compile(r"\bbearer", re.IGNORECASE)
_SAYS_NO_BEARER = re.compile(r"\b(?:no|not|without|don.t)\b[^.]{0,30}\bbearer", re.IGNORECASE)
_SAYS_PREFIX = re.compile(
    r"""(?:\bprefix(?:ed with)?|\bprepended with)\s+["'`]([A-Za-z-]{3,20}) ?["'`]"""
    r"""|\bAuthorization:\s*["'`]?(Token|JWT|Api-?Key)\s+\S""",
    re.IGNORECASE,
)

Ways = tuple[Authentication, ...]


def derive(
    document: Mapping[str, Any], extension: Extension, auth: Mapping[str, Any] | None
) -> tuple[Ways, Mapping[str, Field]]:
    """The ways to authenticate, the one to recommend first, and the fields that the document's schemes add.

    What the operator gives (`auth`) counts before `x-connector`, and that before the security schemes. Raises
    DocumentError for an `auth` or a scheme that is none.
    """
    if auth is not None:
        return _operators(auth, document), {}
    if extension.authentication is not None:
        return extension.authentication, {}
    return _from_requirements(document)


def key_parameters(document: Mapping[str, Any], ways: Ways, fields: Iterable[Field]) -> frozenset[tuple[str, str]]:
    """`(location, name)` of the parameters that carry credentials, names of headers in lower case."""
    found: set[tuple[str, str]] = {(way.location, way.name) for way in ways if way.type != "basic"}
    found |= {(field.location, field.name) for field in fields}
    for scheme in schemes(document).values():
        if scheme.get("type") == "apiKey" and isinstance(scheme.get("name"), str):
            found.add((str(scheme.get("in")), scheme["name"]))
    return frozenset((place, name.lower() if place == "header" else name) for place, name in found)


def _operators(auth: Mapping[str, Any], document: Mapping[str, Any]) -> Ways:
    kind, header = auth.get("type"), auth.get("header")
    if header is not None and not (isinstance(header, str) and _TOKEN.fullmatch(header)):
        raise DocumentError("auth.header", "pattern", "it must be the name of an HTTP header.")
    if header is not None and header.lower() in _RESERVED:
        raise DocumentError("auth.header", "reserved", "this header belongs to the HTTP client.")
    if kind == "none":
        return ()
    if kind == "basic":
        return (Authentication(type="basic", title=title_of("basic")),)
    if kind == "bearer":
        name = header or "Authorization"
        return (Authentication(type="bearer", title=title_of("bearer"), name=name, prefix="Bearer "),)
    if kind == "apiKey":
        if header is not None:
            return (Authentication(type="apiKey", title=title_of("apiKey"), name=header),)
        documented = (way_of(scheme, "#/components/securitySchemes") for scheme in schemes(document).values())
        keys = tuple(way for way in documented if way is not None and way.type == "apiKey")
        return keys[:1] or (Authentication(type="apiKey", title=title_of("apiKey"), name="X-API-Key"),)
    raise DocumentError("auth.type", "enum", "it must be one of bearer, basic, apiKey, none.")


def _from_requirements(document: Mapping[str, Any]) -> tuple[Ways, Mapping[str, Field]]:
    place = "#/components/securitySchemes"
    known = {name: way for name, scheme in schemes(document).items() if (way := way_of(scheme, join(place, name)))}
    # Each requirement lists schemes that are needed together; the requirements are alternatives.
    together = list(_requirements(document, known)) or [(name,) for name in known]
    companions: tuple[str, ...] | None = None
    ways: list[Authentication] = []
    for names in together:
        first = _main(names, known)
        others = tuple(name for name in names if name != first and known[name].type == "apiKey")
        if companions is None:
            companions = others
        if others == companions and known[first] not in ways:
            ways.append(known[first])
    unique = {(way.type, way.location, way.name): way for way in reversed(ways)}
    fields = {known[name].name: _companion(known[name]) for name in companions or ()}
    return tuple(way for way in ways if unique[way.type, way.location, way.name] is way), fields


def _requirements(document: Mapping[str, Any], known: Mapping[str, Authentication]) -> Iterator[tuple[str, ...]]:
    seen: set[tuple[str, ...]] = set()
    for requirement in all_requirements(document):
        names = tuple(name for name in requirement if name in known)
        if names and names not in seen:
            seen.add(names)
            yield names


def all_requirements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The document's own, then those of its operations."""
    paths = document.get("paths")
    items = paths.values() if isinstance(paths, Mapping) else ()
    operations = (node for item in items if isinstance(item, Mapping) for node in item.values())
    for holder in (document, *operations):
        found = holder.get("security") if isinstance(holder, Mapping) else None
        yield from (each for each in (found if isinstance(found, list) else ()) if isinstance(each, Mapping))


def _main(names: tuple[str, ...], known: Mapping[str, Authentication]) -> str:
    for name in names:
        if known[name].type != "apiKey":
            return name
    for word in _MOST_SECRET:
        for name in names:
            if word in name.lower() or word in known[name].name.lower():
                return name
    return names[0]


def _companion(way: Authentication) -> Field:
    """A second key that goes with the first in each request: a client id, an application key."""
    return Field(
        name=way.name,
        title=way.name,
        description=way.description,
        pattern=_PRINTABLE,
        location=way.location,
        # A version's date is nobody's secret, and would be blotted out wherever an answer has that day.
        secret="version" not in way.name.lower(),
    )


def schemes(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The document's security schemes by name. Raises DocumentError."""
    components = document.get("components")
    found = components.get("securitySchemes") if isinstance(components, Mapping) else None
    if found is None:
        return {}
    place = "#/components/securitySchemes"
    if len(expect_object(found, place)) > _MOST_SCHEMES:
        raise DocumentError(place, "maxProperties", f"a document may have {_MOST_SCHEMES} security schemes.")
    return {name: follow(document, scheme, join(place, name))[0] for name, scheme in found.items()}


def way_of(scheme: Mapping[str, Any], place: str) -> Authentication | None:
    """The scheme as a way to authenticate; None for one that is not supported, such as mutualTLS or HTTP digest."""
    described = scheme.get("description")
    description = described if isinstance(described, str) else ""
    kind = scheme.get("type")
    if kind == "http":
        http = str(scheme.get("scheme")).lower()
        if http == "basic":
            return Authentication(type="basic", title=title_of("basic"), description=description)
        return _bearer(description) if http == "bearer" else None
    if kind in ("oauth2", "openIdConnect"):
        return _bearer(f"{description} {_TAKES_TOKEN}".strip())
    if kind != "apiKey":
        return None
    location: Literal["header", "query", "cookie"]
    match scheme.get("in"):
        case "header" | "query" | "cookie" as location:
            pass
        case _:
            raise DocumentError(join(place, "in"), "enum", "it must be one of header, query, cookie.")
    key = scheme.get("name")
    if not isinstance(key, str) or not (_TOKEN.fullmatch(key) if location != "query" else key):
        raise DocumentError(join(place, "name"), "pattern", "it must be the name of a header, a parameter or a cookie.")
    prefix = _said_prefix(place.rpartition("/")[2], description) if (location, key.lower()) == _AUTHORIZATION else ""
    return Authentication(
        type="apiKey", title=title_of("apiKey"), description=description, location=location, name=key, prefix=prefix
    )


def _said_prefix(name: str, description: str) -> str:
    """What a scheme's words say stands before the key, with a space; empty where they say nothing."""
    if said := _SAYS_PREFIX.search(description):
        return f"{said[1] or said[2]} "
    words = f"{name} {description}"
    return "Bearer " if _SAYS_BEARER.search(words) and not _SAYS_NO_BEARER.search(words) else ""


def _bearer(description: str) -> Authentication:
    return Authentication(type="bearer", title=title_of("bearer"), description=description, prefix="Bearer ")
