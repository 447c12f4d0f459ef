"""Actions in words: for the catalogue's answers, and as one schema of an action's arguments."""

from collections.abc import Mapping
from typing import Any

from gateway.catalog.inputs import essence
from gateway.catalog.model import Action, Body, Connector, Parameter
from gateway.catalog.objects import Shape, shape
from gateway.catalog.samples import sample
from gateway.catalog.schemas import resolve

# Under these names an action's arguments may be given in groups (the Connectivity API's split), beside flat names.
GROUPS: Mapping[str, str] = {
    "path": "pathParams",
    "query": "queryParameters",
    "header": "additionalHeaders",
    "cookie": "cookies",
}
BODY = "requestBody"


def details(connector: Connector, action: Action) -> dict[str, Any]:
    """The documented shape of an action (Connectivity API, "Get connector action details").

    `{"id", "displayName", "description", "httpMethod" (lower case), "path", "parameters": [{"name", "in",
    "description", "required", "schema"}], "requestBody"?: JSON Schema, "documentation"?, "deprecated"?, "sample"}`.
    `sample` is an object of arguments as `execution` takes them. Schemas are self-contained JSON Schema 2020-12.
    """
    document = connector.document
    found: dict[str, Any] = {
        "id": action.action_id,
        "displayName": action.title,
        "description": action.description,
        "httpMethod": action.method.lower(),
        "path": action.path,
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.location,
                "description": parameter.description,
                "required": parameter.required,
                "schema": parameter_schema(document, parameter),
            }
            for parameter in action.parameters
        ],
    }
    if action.body is not None:
        found[BODY] = body_schema(document, action.body)
    if action.documentation is not None:
        found["documentation"] = action.documentation
    if action.deprecated:
        found["deprecated"] = True
    found["sample"] = sample_arguments(connector, action)
    return found


def resources(connector: Connector) -> list[dict[str, Any]]:
    """The actions by what they are about: `[{"name", "actions": [{"id", "displayName", "description", "httpMethod",
    "path"}]}]`, in the order of the document."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for action in connector.actions.values():
        groups.setdefault(action.resource, []).append(
            {
                "id": action.action_id,
                "displayName": action.title,
                "description": action.description,
                "httpMethod": action.method.lower(),
                "path": action.path,
            }
        )
    return [{"name": name, "actions": actions} for name, actions in groups.items()]


def input_schema(connector: Connector, action: Action) -> dict[str, Any]:
    """One flat JSON Schema object of an action's arguments.

    At its top stand the parameters and the properties of an object body. Where names collide, the path goes before
    the query, that before headers, cookies and the body; what loses its place is given in its group: `pathParams`,
    `queryParameters`, `additionalHeaders`, `cookies`, or `requestBody` for the body. A body that is no object is
    given whole under `requestBody`. Other names are refused, unless the document says that the body takes any.
    """
    document = connector.document
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in action.parameters:
        schema = parameter_schema(document, parameter)
        if parameter.description:
            schema = {"description": parameter.description, **schema}
        _place(properties, required, parameter.name, GROUPS[parameter.location], schema, needed=parameter.required)
    opened = False
    if action.body is not None:
        opened = _add_body(document, action.body, properties, required)
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        found["required"] = required
    return {**found, "additionalProperties": opened}


def parameter_schema(document: Mapping[str, Any], parameter: Parameter) -> dict[str, Any]:
    """A parameter's schema, self-contained, with the examples of the parameter itself."""
    found = resolve(document, parameter.schema)
    return {**found, "examples": list(parameter.examples)} if parameter.examples else found


def body_schema(document: Mapping[str, Any], body: Body) -> dict[str, Any]:
    """A body's schema, self-contained; files are base64 in what is not JSON."""
    found = resolve(document, body.schema, files=takes_files(body))
    if body.description and "description" not in found:
        found = {"description": body.description, **found}
    return found


def takes_files(body: Body) -> bool:
    """Whether binary strings of a body are bytes on the wire, and so base64 in arguments."""
    name = essence(body.media_type)
    return not (name.endswith("json") or name == "application/x-www-form-urlencoded")


def body_shape(document: Mapping[str, Any], body: Body) -> Shape | None:
    """The properties of a body that may be given flat; None where it is given whole."""
    name = essence(body.media_type)
    structured = name.endswith("json") or name in ("application/x-www-form-urlencoded", "multipart/form-data")
    return shape(document, body.schema) if structured else None


def sample_arguments(connector: Connector, action: Action) -> dict[str, Any]:
    """Arguments to start from: what is required, and what has an example."""
    schema = input_schema(connector, action)
    found: dict[str, Any] = sample(schema)
    body = action.body
    if body is None or not body.examples:
        return found
    example = body.examples[0]
    known = schema["properties"]
    if isinstance(example, dict) and BODY not in known:
        return {**found, **{name: value for name, value in example.items() if name in known}}
    return {**found, BODY: example}


def _place(
    properties: dict[str, Any], required: list[str], name: str, group: str, schema: dict[str, Any], *, needed: bool
) -> None:
    """Put one argument at the top, or into its group where its name is taken."""
    if name not in properties and name not in (*GROUPS.values(), BODY):
        properties[name] = schema
        if needed:
            required.append(name)
        return
    holder = properties.setdefault(group, {"type": "object", "properties": {}, "additionalProperties": False})
    holder["properties"][name] = schema
    if needed:
        holder.setdefault("required", []).append(name)
        if group not in required:
            required.append(group)


def _add_body(document: Mapping[str, Any], body: Body, properties: dict[str, Any], required: list[str]) -> bool:
    """Add the body's properties; whether it takes names that are not listed."""
    flat = body_shape(document, body)
    if flat is None:
        properties[BODY] = body_schema(document, body)
        if body.required:
            required.append(BODY)
        return False
    files = takes_files(body)
    for name, child in flat.properties.items():
        schema = resolve(document, child, files=files)
        _place(properties, required, name, BODY, schema, needed=body.required and name in flat.required)
    return flat.open
