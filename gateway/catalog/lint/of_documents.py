"""Rules of whole documents: authentication, addresses, schemas, `x-connector`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gateway.catalog.documents.pointers import followed, join, lookup
from gateway.catalog.lint.subject import Said, Subject, listed
from gateway.catalog.schemas.keywords import MEANT, TYPES
from gateway.catalog.schemas.patterns import compiles

_PLACEHOLDER = re.compile(r"\{[^{}/]+\}")
_HTTP_SCHEMES = frozenset({"basic", "bearer"})
_SCHEME_TYPES = frozenset({"http", "apiKey", "oauth2", "openIdConnect"})


def findings(subject: Subject) -> Iterator[Said]:
    for rule in (_left_out, _authentication, _addresses, _schemas, _extension):
        yield from rule(subject)


def _left_out(subject: Subject) -> Iterator[Said]:
    for sentence in subject.connector.left_out:
        place, _, message = sentence.partition(": ")
        yield "leftOut", place, message, "The other operations are served; this one is not."


def _authentication(subject: Subject) -> Iterator[Said]:
    components = subject.document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    schemes = schemes if isinstance(schemes, Mapping) else {}
    explicit = "authentication" in subject.document.get("x-connector", {}) or subject.overridden
    if not subject.connector.authentication and not explicit:
        remedy = "If it does, say how: --auth (`auth`), or x-connector.authentication."
        yield "auth", "#", "the document does not say that the platform wants a credential.", remedy
    for name, scheme in schemes.items():
        scheme = followed(subject.document, scheme)
        kind = str(scheme.get("type"))
        known = kind in _SCHEME_TYPES and (kind != "http" or str(scheme.get("scheme")).lower() in _HTTP_SCHEMES)
        if not known and not explicit:
            said = f"{kind} {scheme.get('scheme')}" if kind == "http" else kind
            remedy = "Say how to authenticate instead: --auth (`auth`), or x-connector.authentication."
            place = join("#/components/securitySchemes", name)
            yield "auth", place, f"authentication by {said[:80]} is not known here.", remedy
    for place, holder in [("#", subject.document), *((each.place, each.node) for each in subject.operations)]:
        for index, requirement in enumerate(listed(holder.get("security"))):
            for name in requirement if isinstance(requirement, Mapping) else ():
                if name not in schemes:
                    message = f"{str(name)[:80]} is none of the document's security schemes."
                    yield "auth", join(place, "security", index), message, "Describe it, or correct its name."


def _addresses(subject: Subject) -> Iterator[Said]:
    if subject.connector.base_url.startswith("http://"):
        host = subject.connector.base_url[7:].partition("/")[0]
        yield "https", "#/servers", f"{host} is called without encryption.", f"Give https://{host} with --base-url."
    shapes: dict[str, str] = {}
    for path in subject.document["paths"]:
        shape = _PLACEHOLDER.sub("{}", path)
        if shape in shapes and not path.startswith("x-"):
            message = f"it is the same path as {shapes[shape]}, with other names."
            yield "samePath", join("#/paths", path), message, "Put their operations under one path."
        shapes.setdefault(shape, path)


def _schemas(subject: Subject) -> Iterator[Said]:
    reached = _reached(subject)
    for holder in ("#/components/schemas", "#/definitions"):
        try:
            schemas = lookup(subject.document, holder)
        except LookupError:
            continue
        for name in schemas if isinstance(schemas, Mapping) else ():
            place = join(holder, name)
            if place not in reached:
                yield "unreachable", place, "no operation refers to it.", "Remove it, or refer to it."
    yield from _types(subject)


def _reached(subject: Subject) -> set[str]:
    """Places of all that an operation refers to, directly or not."""
    found: set[str] = set()
    waiting: list[Any] = [subject.document["paths"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            reference = node.get("$ref")
            if isinstance(reference, str) and (place := "#" + reference.partition("#")[2]) not in found:
                found.add(place)
                waiting.append(followed(subject.document, node))
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found


def _types(subject: Subject) -> Iterator[Said]:
    components = subject.document.get("components")
    schemas = components.get("schemas") if isinstance(components, Mapping) else None
    if schemas is None:
        schemas = subject.document.get("definitions")
    holder = "#/components/schemas" if components and "schemas" in components else "#/definitions"
    waiting = [(join(holder, name), node) for name, node in (schemas or {}).items()]
    while waiting:
        place, node = waiting.pop()
        if not isinstance(node, Mapping):
            continue
        kind = node.get("type")
        for each in kind if isinstance(kind, list) else [kind]:
            if isinstance(each, str) and each not in TYPES and each != "file":
                taken = f"{MEANT[each]} is taken" if each in MEANT else "anything is taken"
                remedy = f"One of {', '.join(sorted(TYPES))} is meant; as it is, {taken}."
                yield "type", join(place, "type"), f"{each[:40]} is no type.", remedy
        pattern = node.get("pattern")
        if isinstance(pattern, str) and not compiles(pattern):
            remedy = "Write it as ECMA-262 has it; as it is, the platform alone judges."
            yield "pattern", join(place, "pattern"), "it is no regular expression.", remedy
        properties = node.get("properties")
        named = properties.items() if isinstance(properties, Mapping) else ()
        waiting.extend((join(place, "properties", name), child) for name, child in named)
        waiting.extend((join(place, name), node.get(name)) for name in ("items", "additionalProperties"))
        for name in ("allOf", "anyOf", "oneOf"):
            waiting.extend((join(place, name, index), child) for index, child in enumerate(listed(node.get(name))))


def _extension(subject: Subject) -> Iterator[Said]:
    about = subject.document.get("x-connector")
    if not isinstance(about, Mapping):
        return
    place = "#/x-connector"
    test = about.get("test")
    if isinstance(test, str) and subject.connector.find(test) is None:
        message = f"there is no action {test[:80]}."
        yield "test", join(place, "test"), message, "Name one that changes nothing and needs no arguments."
    raw = orjson.dumps({name: value for name, value in subject.document.items() if name != "x-connector"}).decode()
    for field in subject.connector.fields:
        filled = f"{{{field.name}}}"
        used = filled in raw or any(filled in value for value in subject.connector.headers.values())
        if field.location == "url" and not used:
            where = join(place, "fields", field.name)
            yield "field", where, "it fills nothing.", f"Write {filled} where it belongs, or remove it."
    for index, way in enumerate(listed(about.get("authentication"))):
        scheme = way.get("scheme") if isinstance(way, Mapping) else None
        schemes = subject.document.get("components", {}).get("securitySchemes", {})
        if scheme is not None and scheme not in schemes:
            message = f"{scheme[:80]} is none of the document's security schemes."
            yield "auth", join(place, "authentication", index, "scheme"), message, "Correct its name."
