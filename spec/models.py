# Generated from spec/openapi.yaml by `toolgate regenerate`; what is changed here is overwritten.
# The names of fields are those on the wire.
# contract: 53edb23ad8422bb0

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class ServerRestrictionsConnectors(TypedDict):
    mode: NotRequired[Literal["allowlist", "blocklist"]]
    allowedIds: NotRequired[list[str]]
    blockedIds: NotRequired[list[str]]


class ServerRestrictionsActions(TypedDict):
    mode: NotRequired[Literal["allowlist", "blocklist"]]
    allowedActions: NotRequired[list[str]]
    blockedActions: NotRequired[list[str]]


class ServerRestrictionsUsers(TypedDict):
    mode: NotRequired[Literal["allowlist", "blocklist"]]
    allowedIds: NotRequired[list[str]]
    blockedIds: NotRequired[list[str]]


class ServerRestrictions(TypedDict):
    connectors: NotRequired[ServerRestrictionsConnectors | None]
    actions: NotRequired[ServerRestrictionsActions | None]
    users: NotRequired[ServerRestrictionsUsers | None]


CustomInstructions: TypeAlias = str


IsPublic: TypeAlias = bool


Mode: TypeAlias = Literal["connectivity", "direct"]


class DeletedServer(TypedDict):
    message: str
    serverId: str


class ConnectorAuth(TypedDict):
    """
    Where the secret goes in a request; overrides what the document declares
    """

    type: Literal["bearer", "basic", "apiKey", "none"]
    header: NotRequired[str]


ConnectorDocument: TypeAlias = dict[str, Any] | str


class CreateConnector(TypedDict):
    id: str
    name: NotRequired[str]
    document: NotRequired[ConnectorDocument]
    url: NotRequired[str]
    baseUrl: NotRequired[str]
    auth: NotRequired[ConnectorAuth]


class ReplaceConnector(TypedDict):
    name: NotRequired[str]
    document: NotRequired[ConnectorDocument]
    url: NotRequired[str]
    baseUrl: NotRequired[str]
    auth: NotRequired[ConnectorAuth]
    keepCredentials: NotRequired[bool]


class Connector(TypedDict):
    id: str
    name: str
    description: NotRequired[str]
    category: list[str]
    actions: int
    shipped: bool
    baseUrl: NotRequired[str]
    authenticationTypes: NotRequired[list[str]]
    documentation: NotRequired[str]
    icon: NotRequired[str]
    suspendedCredentials: NotRequired[int]
    createdAt: NotRequired[str]
    updatedAt: NotRequired[str]


class ConnectorList(TypedDict):
    connectors: list[Connector]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class DeletedConnector(TypedDict):
    message: str
    connectorId: str


UserIdOrMe: TypeAlias = str


class CreateCredential(TypedDict):
    userId: UserIdOrMe
    authenticationType: Literal["oauth2", "apiKey", "bearer", "basic"]
    authConfigId: NotRequired[str]
    redirectUri: NotRequired[str]
    name: NotRequired[str]
    data: NotRequired[dict[str, str]]


class CreatedCredential(TypedDict):
    credentialId: str


class CredentialListCredential(TypedDict):
    credentialId: str
    name: str
    type: str
    suspended: NotRequired[bool]
    createdAt: str
    updatedAt: str


class CredentialList(TypedDict):
    credentials: list[CredentialListCredential]


class Health(TypedDict):
    status: Literal["ok"]


JsonRpcMessage: TypeAlias = dict[str, Any] | list[Any]


class JsonRpcFailureError(TypedDict):
    code: int
    message: str
    data: NotRequired[Any]


class JsonRpcFailure(TypedDict):
    jsonrpc: Literal["2.0"]
    id: NotRequired[Any]
    error: JsonRpcFailureError


ErrorCode: TypeAlias = Literal[
    "INVALID_REQUEST",
    "CREDENTIAL_NOT_FOUND",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "CONNECTOR_NOT_FOUND",
    "ACTION_NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "NOT_ACCEPTABLE",
    "CONFLICT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "RATE_LIMITED",
    "INTERNAL_ERROR",
    "UPSTREAM_ERROR",
    "UNAVAILABLE",
    "UPSTREAM_TIMEOUT",
]


class ErrorError(TypedDict):
    code: ErrorCode
    message: str
    details: dict[str, Any]


class Error(TypedDict):
    error: ErrorError


class JsonRpcAnswer1(TypedDict):
    jsonrpc: Literal["2.0"]
    result: NotRequired[dict[str, Any]]
    error: NotRequired[dict[str, Any]]
    id: NotRequired[Any]


class ListServersQuery(TypedDict):
    limit: NotRequired[int]
    offset: NotRequired[int]


class UpdateServerRequest(TypedDict):
    name: NotRequired[str]
    description: NotRequired[str]
    restrictions: NotRequired[ServerRestrictions]
    customInstructions: NotRequired[CustomInstructions]
    isPublic: NotRequired[IsPublic]
    mode: NotRequired[Mode]


DeleteServerResponse: TypeAlias = DeletedServer


ExecuteMcpApiRequest: TypeAlias = JsonRpcMessage


ExecuteMcpTokenRequest: TypeAlias = JsonRpcMessage


class ListConnectorsQuery(TypedDict):
    category: NotRequired[str]
    limit: NotRequired[int]
    offset: NotRequired[int]


ListConnectorsResponse: TypeAlias = ConnectorList


CreateConnectorRequest: TypeAlias = CreateConnector


CreateConnectorResponse: TypeAlias = Connector


GetConnectorResponse: TypeAlias = Connector


ReplaceConnectorRequest: TypeAlias = ReplaceConnector


ReplaceConnectorResponse: TypeAlias = Connector


DeleteConnectorResponse: TypeAlias = DeletedConnector


class GetConnectorCredentialsQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


GetConnectorCredentialsResponse: TypeAlias = CredentialList


CreateConnectorCredentialRequest: TypeAlias = CreateCredential


CreateConnectorCredentialResponse: TypeAlias = CreatedCredential


GetLivenessResponse: TypeAlias = Health


GetReadinessResponse: TypeAlias = Health


GetOpenapiResponse: TypeAlias = dict[str, Any]


class Server(TypedDict):
    serverId: NotRequired[str]
    name: NotRequired[str]
    description: NotRequired[str]
    url: NotRequired[str]
    accessUrl: NotRequired[str]
    restrictions: NotRequired[ServerRestrictions]
    hasRestrictions: NotRequired[bool]
    createdAt: NotRequired[str]
    updatedAt: NotRequired[str]
    customInstructions: NotRequired[CustomInstructions]
    isPublic: NotRequired[IsPublic]
    mode: NotRequired[Mode]


class CreatedServer(TypedDict):
    serverId: str
    name: NotRequired[str]
    description: NotRequired[str]
    url: str
    accessUrl: str
    restrictions: NotRequired[ServerRestrictions]
    hasRestrictions: NotRequired[bool]
    createdAt: NotRequired[str]
    updatedAt: NotRequired[str]
    customInstructions: NotRequired[CustomInstructions]
    isPublic: NotRequired[IsPublic]
    mode: NotRequired[Mode]
    accessToken: str


class CreateServer(TypedDict):
    name: str
    description: NotRequired[str]
    customInstructions: NotRequired[CustomInstructions]
    tokenExpiresInDays: NotRequired[int]
    restrictions: NotRequired[ServerRestrictions]
    isPublic: NotRequired[IsPublic]
    mode: NotRequired[Mode]


class ServerList(TypedDict):
    servers: list[Server]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


JsonRpcAnswer: TypeAlias = JsonRpcAnswer1 | list[dict[str, Any]]


ListServersResponse: TypeAlias = ServerList


CreateServerRequest: TypeAlias = CreateServer


CreateServerResponse: TypeAlias = CreatedServer


GetServerResponse: TypeAlias = Server


UpdateServerResponse: TypeAlias = Server


ExecuteMcpApiResponse: TypeAlias = JsonRpcAnswer


ExecuteMcpTokenResponse: TypeAlias = JsonRpcAnswer
