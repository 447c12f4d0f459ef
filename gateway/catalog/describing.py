"""Actions in words: for the catalogue's answers, and as one schema of an action's arguments."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.catalog.layout import BODY, GROUPS, layout, takes_files
from gateway.catalog.model import Action, Body, Connector, Parameter
from gateway.catalog.samples import sample
from gateway.catalog.schemas import resolve


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
    plan = layout(document, action)
    arguments = _Arguments({}, [])
    for parameter in action.parameters:
        schema = parameter_schema(document, parameter)
        if parameter.description:
            schema = {"description": parameter.description, **schema}
        flat = plan.flat.get(parameter.name) == (parameter.location, parameter.name)
        arguments.add(parameter.name, schema, None if flat else parameter.location, needed=parameter.required)
    body = action.body
    if body is not None and plan.body is not None:
        files = takes_files(body)
        for name, child in plan.body.properties.items():
            flat = plan.flat.get(name) == ("body", name)
            needed = body.required and name in plan.body.required
            arguments.add(name, resolve(document, child, files=files), None if flat else "body", needed=needed)
    elif body is not None:
        arguments.add(BODY, body_schema(document, body), None, needed=body.required)
    found: dict[str, Any] = {"type": "object", "properties": arguments.properties}
    if arguments.required:
        found["required"] = arguments.required
    return {**found, "additionalProperties": plan.body is not None and plan.body.open}


class _Arguments(NamedTuple):
    """The arguments of an action while they are collected."""

    properties: dict[str, Any]
    required: list[str]

    def add(self, name: str, schema: dict[str, Any], group: str | None, *, needed: bool) -> None:
        """Put an argument at the top, or into the group of its location where its name is taken."""
        if group is None:
            self.properties[name] = schema
            if needed:
                self.required.append(name)
            return
        holder = self.properties.setdefault(GROUPS[group], {"type": "object", "properties": {}})
        holder["properties"][name] = schema
        if needed:
            holder.setdefault("required", []).append(name)
            if GROUPS[group] not in self.required:
                self.required.append(GROUPS[group])


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
