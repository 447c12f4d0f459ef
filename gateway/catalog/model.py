"""What a connector document becomes once it is loaded: frozen, small, with the schemas left where they stand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.catalog.published import Prompt, Resource

Location = Literal["path", "query", "header", "cookie"]
AuthenticationType = Literal["oauth2", "apiKey", "bearer", "basic"]
Schema = Mapping[str, Any]
# Comments and strings of GraphQL (October 2021, section 2.1), and the words of operations that change something.
_UNREAD = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|#[^\n]*', re.DOTALL)
_MUTATION = re.compile(r"\b(?:mutation|subscription)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an action (OpenAPI 3.0, Parameter Object). `schema` may hold `$ref`s into the document."""

    name: str
    location: Location
    required: bool
    schema: Schema
    description: str = ""
    style: str = "simple"
    explode: bool = False
    allow_reserved: bool = False
    # Set where the document describes the parameter by `content`: the value is sent in this media type.
    media_type: str | None = None
    # A path parameter that may hold slashes, each of which parts two segments (`x-multi-segment`).
    multi_segment: bool = False
    # Those of the Parameter Object itself, the plain values; a schema may hold more.
    examples: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The request body of an action in the one media type that we send."""

    media_type: str
    required: bool
    schema: Schema
    # Form encodings per property (OpenAPI 3.0, Encoding Object).
    encoding: Mapping[str, Any] = field(default_factory=dict)
    # Those of the Media Type Object itself.
    examples: tuple[Any, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One operation of a document. `action_id` is safe (`[A-Za-z0-9_.-]{1,64}`) and unique in its connector."""

    connector_id: str
    action_id: str
    # The document's own operationId where that is not a safe name, else None; accepted in calls and restrictions.
    alias: str | None
    # Upper case.
    method: str
    path: str
    # What a person would call it: the summary, else made from the id.
    title: str
    description: str
    # What it is grouped by: its first tag, else the first literal segment of its path.
    resource: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    # A server of the operation or its path, where the document gives one of its own.
    server: str | None = None
    deprecated: bool = False
    documentation: str | None = None
    # A fixed GraphQL document: the caller's arguments are its variables (`x-graphql`).
    graphql: str | None = None
    # The document says that it changes nothing, whatever its method (`x-read-only`): a search by POST, mostly.
    declared_read_only: bool = False
    # The document says that it destroys something, or that it does not (`x-destructive`); None: it says nothing.
    declared_destructive: bool | None = None
    # The platform answers in the results of MCP itself (`x-mcp-result`).
    speaks_mcp: bool = False
    # Of the first 2xx answer in JSON, where the document describes one.
    answer: Schema | None = None
    # What to ask for in `Accept`; None for JSON first.
    accept: str | None = None
    # (location, name) of an argument -> the header in which MCP clients repeat it (`x-mcp-header`).
    mirrored: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # Of the connector's ways to authenticate those that this operation takes: none where it needs no credential, None
    # where it takes whatever the connector does.
    ways: "tuple[Authentication, ...] | None" = None
    # A credential is sent where the caller has one, and not asked for.
    credential_optional: bool = False

    @property
    def read_only(self) -> bool:
        """Safe by its method (RFC 9110, section 9.2.1), a GraphQL query, or said to be; never what is destructive."""
        if self.declared_destructive:
            return False
        if self.declared_read_only:
            return True
        if self.graphql is not None:
            return not _MUTATION.search(_UNREAD.sub(" ", self.graphql))
        return self.method in ("GET", "HEAD", "QUERY")

    @property
    def destructive(self) -> bool:
        """Takes away or undoes something that is there: a DELETE, unless the document says otherwise, and whatever it
        flags."""
        if self.declared_destructive is not None:
            return self.declared_destructive
        return self.method == "DELETE" and not self.declared_read_only

    @property
    def overwrites(self) -> bool:
        """More than adds something (MCP's `destructiveHint`): is destructive, or changes what is there in place."""
        if self.declared_destructive is not None:
            return self.declared_destructive
        return self.destructive or (self.method in ("PUT", "PATCH") and not self.read_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """One way to prove who calls a platform, and where its secret goes in the request.

    The token of `bearer` and `oauth2` stands after `Bearer ` in `Authorization`, unless `name` or `prefix` differ.
    """

    type: AuthenticationType
    title: str
    description: str = ""
    # Where the key or token goes; basic always uses the Authorization header.
    location: Literal["header", "query", "cookie"] = "header"
    name: str = "Authorization"
    # Stands before the key, as in `Klaviyo-API-Key `.
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value that a credential carries beside its secret: a shop's name, a tenant.

    Fills `{name}` in the base URL, in paths and in fixed headers; with another `location` it is sent under its name.
    """

    name: str
    title: str
    description: str = ""
    # Anchored, for one host label unless the operator set it: `^[a-z0-9][a-z0-9-]*$`.
    pattern: str = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
    example: str = ""
    default: str | None = None
    location: Literal["url", "header", "query", "cookie"] = "url"
    # A second secret: nobody is shown it again, and it is blotted out of what the platform answers.
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A 2xx answer that means failure: the JSON `field` equals `equals`; `message` names the field that says why."""

    field: str
    equals: Any
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One platform. `document` is the parsed OpenAPI document: `$ref`s of schemas are resolved in it when asked for."""

    connector_id: str
    name: str
    description: str
    category: tuple[str, ...]
    # May hold `{field}` placeholders; without a trailing slash.
    base_url: str
    actions: Mapping[str, Action]
    authentication: tuple[Authentication, ...]
    fields: tuple[Field, ...] = ()
    # Sent with every request.
    headers: Mapping[str, str] = field(default_factory=dict)
    # Names of parameters, headers and body properties that no caller may send (`x-connector.hidden`).
    hidden: frozenset[str] = frozenset()
    failure: Failure | None = None
    documentation: str | None = None
    icon: str | None = None
    # What a person may ask for by name, and what a client may read, beside the actions.
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()
    shipped: bool = False
    # Raised by each replacement; 0 for shipped ones.
    version: int = 0
    aliases: Mapping[str, str] = field(default_factory=dict)
    # A sentence for each operation of the document that cannot be called from here, with its place.
    left_out: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def ways_of(self, action: Action) -> tuple[Authentication, ...]:
        """The ways to authenticate that an action takes; none where it needs no credential."""
        return self.authentication if action.ways is None else action.ways

    def find(self, action_id: str) -> Action | None:
        """The action of this id, or of this id in the document's own spelling; None if there is none."""
        return self.actions.get(action_id) or self.actions.get(self.aliases.get(action_id, ""))
