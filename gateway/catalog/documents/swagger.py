"""Swagger 2.0 as OpenAPI 3.0: the same operations, in the words that the rest of the catalogue knows.

`definitions` stay where they stand, so references to schemas stay as they are, and so do schemas: of what they say
differently only `x-nullable` and `type: file` matter, and `gateway.catalog.schemas.dialect` reads both.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.catalog.documents.pointers import expect_list, expect_object, follow, join
from gateway.catalog.documents.problems import DocumentError

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON = "application/json"
# What of a parameter is about the value, and so a schema in OpenAPI 3.0 (Swagger 2.0, Parameter Object).
_OF_VALUE = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "x-nullable",
)  # fmt: skip
_KEPT = ("name", "in", "description", "required", "x-multi-segment", "x-example", "example", "deprecated")
# `tsv` has no style in OpenAPI 3; the name of ours is used by nobody else.
_STYLES = {"ssv": "spaceDelimited", "tsv": "tabDelimited", "pipes": "pipeDelimited"}
_FLOWS = {"implicit": "implicit", "password": "password", "application": "clientCredentials",
          "accessCode": "authorizationCode"}  # fmt: skip
_GONE = ("swagger", "host", "basePath", "schemes", "consumes", "produces", "securityDefinitions", "parameters")

# Places in the converted document and the places in the one that was brought.
Places = dict[str, str]
# A parameter and its place.
_Given = tuple[Mapping[str, Any], str]


def converted(document: Mapping[str, Any], source_url: str | None) -> tuple[dict[str, Any], Places]:
    """A Swagger 2.0 document as OpenAPI 3.0, and where its places were. `document` is not changed, parts are shared.

    `source_url` tells the scheme where the document does not. Raises DocumentError.
    """
    return _Conversion(document, source_url).run()


def original(place: str, places: Places) -> str:
    """Where a place of the converted document stood in the one that was brought."""
    known = max((new for new in places if place == new or place.startswith(f"{new}/")), key=len, default=None)
    return place if known is None else places[known] + place[len(known) :]


class _Conversion:
    def __init__(self, document: Mapping[str, Any], source_url: str | None) -> None:
        self._document = document
        self._source_url = source_url
        self._places: Places = {}
        self._schemes = _texts(document, "schemes", "#")
        self._consumes = _texts(document, "consumes", "#")
        self._produces = _texts(document, "produces", "#")

    def run(self) -> tuple[dict[str, Any], Places]:
        document = self._document
        found: dict[str, Any] = {name: value for name, value in document.items() if name not in _GONE}
        found["openapi"] = "3.0.3"
        if servers := self._servers(self._scheme(self._schemes)):
            found["servers"] = servers
        self._places["#/servers"] = "#/host" if "host" in document else "#"
        self._places["#/servers/0/url"] = "#/host" if "host" in document else "#/basePath"
        paths = expect_object(document.get("paths", {}), "#/paths")
        found["paths"] = {path: self._item(path, item) for path, item in paths.items()}
        if isinstance(document.get("responses"), Mapping):
            responses = document["responses"]
            found["responses"] = {name: self._response(node, self._produces) for name, node in responses.items()}
        if "securityDefinitions" in document:
            self._places["#/components/securitySchemes"] = "#/securityDefinitions"
            schemes = expect_object(document["securityDefinitions"], "#/securityDefinitions")
            found["components"] = {
                "securitySchemes": {
                    name: _security_scheme(expect_object(node, join("#/securityDefinitions", name)))
                    for name, node in schemes.items()
                }
            }
        return found, self._places

    def _scheme(self, schemes: list[str]) -> str | None:
        """https where it is offered; the scheme by which the document came where it says none."""
        offered = [scheme.lower() for scheme in schemes if scheme.lower() in ("http", "https")]
        if offered or schemes:
            return "https" if "https" in offered else (offered or schemes)[0]
        return self._source_url.partition(":")[0] if self._source_url else None

    def _servers(self, scheme: str | None) -> list[dict[str, str]]:
        host, base = self._document.get("host"), self._document.get("basePath", "/")
        if not isinstance(base, str):
            raise DocumentError("#/basePath", "type", "it must be a string.")
        base = "/" + base.strip().lstrip("/")
        if host is None:
            # Relative to where the document lies; without that, a base URL must be given.
            return [{"url": base}] if "basePath" in self._document or self._source_url else []
        if not isinstance(host, str) or not host.strip():
            raise DocumentError("#/host", "type", "it must be the name of a host.")
        written = re.match(r"(https?)://", host := host.strip().rstrip("/"), re.IGNORECASE)
        if written:
            scheme, host = scheme or written[1], host[written.end() :]
        return [{"url": f"{scheme or 'https'}://{host}{base}"}]

    def _item(self, path: str, item: Any) -> Any:
        if path.startswith("x-"):
            return item
        item, place = follow(self._document, item, join("#/paths", path))
        shared = list(self._parameters(item.get("parameters"), join(place, "parameters")))
        found = {name: value for name, value in item.items() if name.startswith("x-")}
        for method in _METHODS:
            if method in item:
                new, old = join("#/paths", path, method), join(place, method)
                self._places[new] = old
                found[method] = self._operation(expect_object(item[method], old), old, new, shared)
        return found

    def _operation(self, node: Mapping[str, Any], place: str, new: str, shared: list[_Given]) -> dict[str, Any]:
        left_out = ("parameters", "consumes", "produces", "schemes", "responses")
        found = {name: value for name, value in node.items() if name not in left_out}
        own = self._parameters(node.get("parameters"), join(place, "parameters"))
        merged = {(each.get("name"), each.get("in")): (each, where) for each, where in [*shared, *own]}
        plain: list[dict[str, Any]] = []
        fields: list[_Given] = []
        body: _Given | None = None
        for each, where in merged.values():
            if each.get("in") == "body":
                body = each, where
            elif each.get("in") == "formData":
                fields.append((each, where))
            else:
                self._places[join(new, "parameters", len(plain))] = where
                plain.append(_parameter(each))
        found["parameters"] = plain
        consumes = _texts(node, "consumes", place) if "consumes" in node else self._consumes
        if body is not None:
            found["requestBody"] = self._body(body, consumes, join(new, "requestBody"))
        elif fields:
            found["requestBody"] = self._form(fields, consumes, join(new, "requestBody"))
        if "schemes" in node:
            schemes = _texts(node, "schemes", place)
            if (scheme := self._scheme(schemes)) != self._scheme(self._schemes) and "host" in self._document:
                found["servers"] = self._servers(scheme)
                self._places[join(new, "servers")] = join(place, "schemes")
        produces = _texts(node, "produces", place) if "produces" in node else self._produces
        responses = node.get("responses")
        if isinstance(responses, Mapping):
            said = "produces" in node
            found["responses"] = {code: self._response(each, produces, said=said) for code, each in responses.items()}
        return found

    def _parameters(self, nodes: Any, place: str) -> Iterator[_Given]:
        for index, node in enumerate(expect_list([] if nodes is None else nodes, place)):
            yield follow(self._document, node, join(place, index))

    def _body(self, given: _Given, consumes: list[str], new: str) -> dict[str, Any]:
        node, place = given
        schema = node.get("schema", {})
        # A form would need formData: beside a body it is there for other operations.
        types = [name for name in consumes if not name.startswith((_FORM, _MULTIPART))] or [_JSON]
        self._places[new] = place
        for name in types:
            self._places[join(new, "content", name, "schema")] = join(place, "schema")
        return {
            "description": node.get("description", ""),
            "required": node.get("required") is True,
            "content": {name: {"schema": schema} for name in types},
        }

    def _form(self, given: list[_Given], consumes: list[str], new: str) -> dict[str, Any]:
        properties, encoding, required = {}, {}, []
        forms = [name for name in consumes if name.startswith((_FORM, _MULTIPART))]
        files = any(node.get("type") == "file" for node, _ in given)
        media_type = _MULTIPART if files or (forms and forms[0].startswith(_MULTIPART)) else _FORM
        schema_place = join(new, "content", media_type, "schema")
        for node, place in given:
            name = node.get("name")
            if not isinstance(name, str) or not name:
                raise DocumentError(join(place, "name"), "required", "a parameter must have a name.")
            self._places[join(schema_place, "properties", name)] = place
            properties[name] = {**_schema(node), "description": node.get("description", "")}
            if node.get("type") == "array":
                style, explode = _style(node)
                encoding[name] = {"style": style or "form", "explode": explode}
            if node.get("required") is True:
                required.append(name)
        schema = {"type": "object", "properties": properties, "required": required}
        return {"required": bool(required), "content": {media_type: {"schema": schema, "encoding": encoding}}}

    def _response(self, node: Any, produces: list[str], *, said: bool = False) -> Any:
        """`said`: the operation says itself what it produces, so that this holds without a schema, too."""
        if not isinstance(node, Mapping) or "$ref" in node or not (said or "schema" in node):
            return node
        media = {"schema": node["schema"]} if "schema" in node else {}
        content = dict.fromkeys(produces or [_JSON], media)
        return {"description": node.get("description", ""), "content": content}


def _parameter(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: node[name] for name in _KEPT if name in node}
    schema = _schema(node)
    if "x-example" in node:
        kept.setdefault("example", kept.pop("x-example"))
    if schema.get("type") == "array":
        style, explode = _style(node)
        kept |= {"explode": explode, **({"style": style} if style else {})}
    return {**kept, "schema": schema}


def _schema(node: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: node[name] for name in _OF_VALUE if name in node}
    # Only a body has a schema in Swagger 2.0; who knows OpenAPI 3 writes it elsewhere too.
    schema = node.get("schema")
    return found or (dict(schema) if isinstance(schema, Mapping) else {})


def _style(node: Mapping[str, Any]) -> tuple[str | None, bool]:
    """`collectionFormat` as style, None for the location's own, and explode."""
    written = node.get("collectionFormat")
    return (_STYLES.get(written) if isinstance(written, str) else None), written == "multi"


def _security_scheme(node: Mapping[str, Any]) -> dict[str, Any]:
    if node.get("type") == "basic":
        return {**node, "type": "http", "scheme": "basic"}
    if node.get("type") != "oauth2":
        return dict(node)
    flow = {name: node[name] for name in ("authorizationUrl", "tokenUrl", "scopes") if name in node}
    kept = {name: value for name, value in node.items() if name not in ("flow", *flow)}
    return {**kept, "flows": {_FLOWS.get(str(node.get("flow")), "authorizationCode"): flow}}


def _texts(node: Mapping[str, Any], name: str, place: str) -> list[str]:
    value = node.get(name)
    found = expect_list([] if value is None else value, join(place, name))
    return [each for each in found if isinstance(each, str)]
