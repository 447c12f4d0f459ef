"""What a tool of direct mode says of its answer, as far as the document knows: `outputSchema`."""

from typing import Any

from gateway.catalog.actions.answers import structured
from gateway.catalog.model import Action, Connector
from gateway.catalog.schemas.resolving import resolve

# Of a schema, in characters of JSON: less than of what must be given, since it only helps to read.
_BUDGET = 8_000
_OTHERWISE = {
    "description": "Anything else: a large answer is cut (at 25 items, 5 KB of text, 10 levels) or replaced by advice "
    "on how to ask for less, a file is described, and a platform does not always answer as it documents"
}


def output_schema(connector: Connector, action: Action) -> dict[str, Any]:
    """`{"outputSchema": {...}}`, or `{}` where the document does not describe the answer.

    What is described is what `structuredContent` holds: of an action whose platform speaks MCP, that of its own result
    where it must be there; of others, the executed action, whose `responseData` is the platform's answer. The latter
    admits anything beside what is documented, because an answer may be shaped, and because platforms differ from
    their documents.
    """
    if action.answer is None:
        return {}
    if action.speaks_mcp:
        inner = structured(connector.document, action.answer)
        if inner is None:
            return {}
        return {"outputSchema": resolve(connector.document, inner, budget=_BUDGET, answer=True)}
    documented = resolve(connector.document, action.answer, budget=_BUDGET, answer=True)
    return {
        "outputSchema": {
            "type": "object",
            "required": ["executionId", "status", "responseData"],
            "properties": {
                "executionId": {"type": "string"},
                "status": {"const": "completed"},
                "responseData": {"anyOf": [documented, _OTHERWISE]},
            },
        }
    }
