"""Which operation asks whom to prove who they are: `security`, and parameters that ask for the same."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from gateway.catalog.authentication import Ways, all_requirements, schemes, way_of
from gateway.catalog.documents.pointers import followed, join, text
from gateway.catalog.extension import Extension
from gateway.catalog.model import Authentication

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})
# What parameters for a credential are called, and what is said of them.
_SECRET_NAMES = frozenset(
    {
        "token", "access_token", "auth_token", "oauth_token", "api_token", "apitoken", "api_key", "apikey", "api-key",
        "key", "x-api-key", "x-auth-token",
    }
)  # fmt: skip
_SAYS_SECRET = re.compile(r"authenticat|authoriz|authoris|oauth|api[ _-]?(?:key|token)|access token", re.IGNORECASE)


class Security(NamedTuple):
    """What a document says of who must prove themselves where."""

    # The connector's.
    ways: Ways
    # Of its security schemes those that are among the ways, by name; empty where the ways are not the document's own.
    by_name: Mapping[str, Authentication]
    # What holds for operations that say nothing: a credential need not be there.
    optional: bool
    # Whether the operator says how to authenticate: the document is wrong about it then, or silent.
    overridden: bool
    # See `asked_everywhere`; nothing where no credential is wanted.
    asked: frozenset[str]

    def hides(self, name: str, description: str) -> bool:
        """Whether a parameter, or a field of a form, asks for what the vault holds."""
        return name.lower() in self.asked and says_credential(name, description)


def security(document: Mapping[str, Any], ways: Ways, extension: Extension, auth: Mapping[str, Any] | None) -> Security:
    """What holds for all operations. Documents that declare nothing anywhere are taken to have forgotten it."""
    by_name = {}
    if auth is None and extension.authentication is None:
        place = "#/components/securitySchemes"
        known = {name: way_of(scheme, join(place, name)) for name, scheme in schemes(document).items()}
        taken = {(way.type, way.location, way.name): way for way in ways}
        by_name = {
            name: taken[way.type, way.location, way.name]
            for name, way in known.items()
            if way is not None and (way.type, way.location, way.name) in taken
        }
    said = document.get("security")
    elsewhere = any(all_requirements(document))
    optional = auth is None and extension.authentication is None and _admits_nobody(said, elsewhere=elsewhere)
    asked = asked_everywhere(document) if ways else frozenset()
    return Security(ways, by_name, optional, auth is not None, asked)


def of_operation(security: Security, node: Mapping[str, Any]) -> tuple[Ways | None, bool]:
    """The ways that an operation takes, None for the connector's, and whether a credential may be missing."""
    said = node.get("security")
    if not isinstance(said, list):
        return None, security.optional
    if not said:
        # An operator who says how to authenticate knows the document better than it knows itself.
        return (None, True) if security.overridden else ((), False)
    names = [set(requirement) for requirement in said if isinstance(requirement, Mapping)]
    taken = dict.fromkeys(way for requirement in names for name, way in security.by_name.items() if name in requirement)
    ways = tuple(way for way in security.ways if way in taken)
    return (ways if 0 < len(ways) < len(security.ways) else None), not all(names)


def _admits_nobody(said: Any, *, elsewhere: bool) -> bool:
    """Whether operations that say nothing need no credential, by what the document says for all of them."""
    if not isinstance(said, list) or not said:
        return elsewhere or said == []
    return any(requirement == {} for requirement in said)


def asked_everywhere(document: Mapping[str, Any]) -> frozenset[str]:
    """Names of parameters and of fields of forms by which most operations ask for what the vault holds, in lower case.

    Documents list such parameters beside their security schemes, or instead of them (Slack's `token`, Google's `key`).
    Told by their names, by what is said of them, and by being everywhere: an operation that looks a key up has one too.
    """
    found: Counter[str] = Counter()
    operations = 0
    for item in map(partial(followed, document), document["paths"].values()):
        for method, node in (item if isinstance(item, Mapping) else {}).items():
            if method in _METHODS and isinstance(node, Mapping):
                operations += 1
                found.update(set(_secret_names(document, item, node)))
    return frozenset(name for name, count in found.items() if 2 * count >= operations)


def _secret_names(document: Mapping[str, Any], *holders: Mapping[str, Any]) -> Iterator[str]:
    for holder in holders:
        parameters = holder.get("parameters")
        for parameter in parameters if isinstance(parameters, list) else ():
            about = followed(document, parameter)
            if (
                isinstance(about, Mapping)
                and about.get("in") != "path"
                and says_credential(about.get("name"), text(about, "description"))
            ):
                yield about["name"].lower()
        body = followed(document, holder.get("requestBody"))
        content = body.get("content") if isinstance(body, Mapping) else None
        for media in content.values() if isinstance(content, Mapping) else ():
            schema = followed(document, media.get("schema")) if isinstance(media, Mapping) else None
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            for name, about in properties.items() if isinstance(properties, Mapping) else ():
                if isinstance(about, Mapping) and says_credential(name, text(about, "description")):
                    yield name.lower()


def says_credential(name: Any, description: str) -> bool:
    """Whether a parameter, or a field of a form, has the name of a credential and a description that says so."""
    return isinstance(name, str) and name.lower() in _SECRET_NAMES and bool(_SAYS_SECRET.search(description))
