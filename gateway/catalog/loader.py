"""From a document to a Connector."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import spec
from gateway.catalog import authentication, extension, publishing, servers
from gateway.catalog.actions import operations
from gateway.catalog.documents.pointers import text
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import check_depth, parse
from gateway.catalog.documents.references import check_references
from gateway.catalog.documents.swagger import converted, original
from gateway.catalog.documents.versions import check_version, is_swagger
from gateway.catalog.model import Connector
from gateway.catalog.security import security
from gateway.errors import ConnectorNotFound

# As long as one that is given (spec, CreateConnector, name).
_LONGEST_NAME = 100


def load(
    document: Mapping[str, Any],
    *,
    connector_id: str,
    name: str | None = None,
    base_url: str | None = None,
    auth: Mapping[str, Any] | None = None,
    source_url: str | None = None,
    shipped: bool = False,
    version: int = 0,
) -> Connector:
    """The connector that a document (Swagger 2.0, OpenAPI 3.0 to 3.2; as `reading.parse` gives it) describes.

    `base_url` takes the place of the document's servers; `auth` (`{"type": "bearer" | "basic" | "apiKey" | "none",
    "header"?}`) that of its authentication; `source_url`, where the document was fetched from, completes relative
    servers. The document is kept, and must not be changed afterwards.

    Raises DocumentError, which names the place: another version, no operation, no server to call or one that must not
    be called, a reference that leads out of the document or nowhere, an extension of the wrong shape.
    """
    check_version(document)
    check_depth(document)
    given: dict[str, Any] = {"name": name, "base_url": base_url, "auth": auth, "source_url": source_url}
    if not is_swagger(document):
        return _loaded(document, connector_id, shipped=shipped, version=version, **given)
    document, places = converted(document, source_url)
    try:
        found = _loaded(document, connector_id, shipped=shipped, version=version, **given)
    except DocumentError as error:
        raise type(error)(original(error.place, places), error.rule, error.sentence) from None
    return found


def _loaded(
    document: Mapping[str, Any],
    connector_id: str,
    *,
    name: str | None,
    base_url: str | None,
    auth: Mapping[str, Any] | None,
    source_url: str | None,
    shipped: bool,
    version: int,
) -> Connector:
    check_references(document)
    about = extension.read(document)
    if shipped and about.connector_id != connector_id:
        raise DocumentError("#/x-connector/id", "const", f"it must be the name of the file: {connector_id}.")
    ways, extra_fields = authentication.derive(document, about, auth)
    fields = {**extra_fields, **about.fields}
    around = servers.Surroundings(fields=fields, source_url=source_url, base_url=base_url)
    setting = operations.Setting(
        document=document,
        connector_id=connector_id,
        around=around,
        documented_root=servers.documented_root(document, around),
        credentials=authentication.key_parameters(document, ways, fields.values()),
        security=security(document, ways, about, auth),
        hidden=about.hidden,
    )
    found = operations.actions(setting)
    info = document.get("info")
    info = info if isinstance(info, Mapping) else {}
    return Connector(
        connector_id=connector_id,
        name=name or about.name or text(info, "title").strip()[:_LONGEST_NAME] or connector_id,
        description=text(info, "description"),
        category=about.category,
        base_url=servers.root(document, around),
        actions=found.actions,
        authentication=ways,
        fields=tuple(fields.values()),
        headers=about.headers,
        hidden=about.hidden,
        failure=about.failure,
        documentation=about.documentation or extension.documentation(document),
        icon=about.icon or _logo(info),
        prompts=publishing.prompts(about.raw, found.actions, found.aliases),
        resources=publishing.resources(about.raw, found.actions, found.aliases),
        shipped=shipped,
        version=version,
        aliases=found.aliases,
        left_out=tuple(problem.message for problem in found.left_out),
        document=document,
    )


@cache
def load_shipped(connector_id: str) -> Connector:
    """A connector in the box, parsed once per process. Raises ConnectorNotFound."""
    if connector_id not in spec.connector_names():
        raise ConnectorNotFound("Connector not found", details={"connectorId": connector_id[:64]})
    document = parse(spec.read(f"connectors/{connector_id}.yaml"))
    return load(document, connector_id=connector_id, shipped=True)


def _logo(info: Mapping[str, Any]) -> str | None:
    logo = info.get("x-logo")
    return extension.web_address(logo.get("url")) if isinstance(logo, Mapping) else None
