# Generated from spec/openapi.yaml by `toolgate regenerate`; what is changed here is overwritten.
# The names of fields are those on the wire.
# contract: f89330e484f61f58

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


ReadOnly: TypeAlias = bool


ConfirmDestructive: TypeAlias = bool


ApprovalStatus: TypeAlias = Literal["pending", "approved", "denied", "used"]


class ApprovalSummary(TypedDict):
    approvalId: str
    serverId: str
    userId: str
    connectorId: str
    actionId: str
    status: ApprovalStatus
    askedOf: Literal["owner", "client"]
    createdAt: str
    expiresAt: str
    decidedAt: NotRequired[str]
    decidedBy: NotRequired[str]


class Approval(TypedDict):
    approvalId: str
    serverId: str
    userId: str
    connectorId: str
    actionId: str
    status: ApprovalStatus
    askedOf: Literal["owner", "client"]
    createdAt: str
    expiresAt: str
    decidedAt: NotRequired[str]
    decidedBy: NotRequired[str]
    arguments: dict[str, Any]
    argumentsShortened: bool
    credentialId: NotRequired[str]


class ApprovalList(TypedDict):
    approvals: list[ApprovalSummary]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class ApprovalDecision(TypedDict):
    decision: Literal["approve", "deny"]


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


ActionIds: TypeAlias = list[str]


class DeletedConnector(TypedDict):
    message: str
    connectorId: str


UserIdOrMe: TypeAlias = str


class CreateCredential(TypedDict):
    userId: UserIdOrMe
    authenticationType: Literal["oauth2", "apiKey", "bearer", "basic", "clientCredentials"]
    authConfigId: NotRequired[str]
    redirectUri: NotRequired[str]
    credentialId: NotRequired[str]
    name: NotRequired[str]
    data: NotRequired[dict[str, str]]


class StoredCredential(TypedDict):
    credentialId: str


class SignInLink(TypedDict):
    oauthUrl: str


OauthScope: TypeAlias = str


class CreateAuthConfig(TypedDict):
    connectorId: str
    name: NotRequired[str]
    clientId: str
    clientSecret: NotRequired[str]
    tokenEndpointAuthMethod: NotRequired[Literal["client_secret_basic", "client_secret_post", "none"]]
    scopes: NotRequired[list[OauthScope]]
    userScopes: NotRequired[list[OauthScope]]
    redirectUris: NotRequired[list[str]]
    authorizationUrl: NotRequired[str]
    tokenUrl: NotRequired[str]
    isDefault: NotRequired[bool]


class UpdateAuthConfig(TypedDict):
    name: NotRequired[str]
    clientId: NotRequired[str]
    clientSecret: NotRequired[str | None]
    tokenEndpointAuthMethod: NotRequired[Literal["client_secret_basic", "client_secret_post", "none"] | None]
    scopes: NotRequired[list[OauthScope] | None]
    userScopes: NotRequired[list[OauthScope]]
    redirectUris: NotRequired[list[str]]
    authorizationUrl: NotRequired[str | None]
    tokenUrl: NotRequired[str | None]
    isDefault: NotRequired[bool]


class AuthConfig(TypedDict):
    authConfigId: str
    connectorId: str
    name: str
    clientId: str
    hasClientSecret: bool
    tokenEndpointAuthMethod: NotRequired[Literal["client_secret_basic", "client_secret_post", "none"]]
    scopes: NotRequired[list[str]]
    userScopes: list[str]
    redirectUris: list[str]
    authorizationUrl: NotRequired[str]
    tokenUrl: NotRequired[str]
    isDefault: bool
    callbackUrl: str
    createdAt: str
    updatedAt: str


class AuthConfigList(TypedDict):
    authConfigs: list[AuthConfig]


class DeletedAuthConfig(TypedDict):
    message: str
    authConfigId: str


class ConsentForm(TypedDict):
    form: str


class AccountForm(TypedDict):
    form: str
    token: str
    tenant: str


class CredentialListCredential(TypedDict):
    credentialId: str
    name: str
    type: str
    suspended: NotRequired[bool]
    dead: NotRequired[bool]
    default: NotRequired[bool]
    createdAt: str
    updatedAt: str


class CredentialList(TypedDict):
    credentials: list[CredentialListCredential]


class RotateToken(TypedDict):
    tokenExpiresInDays: NotRequired[int | None]


class RotatedToken(TypedDict):
    serverId: str
    url: str
    accessUrl: str
    accessToken: str
    tokenExpiresAt: NotRequired[str]


class Activity(TypedDict):
    at: str
    userId: str
    door: Literal["api_key", "jwt", "token", "cli"]
    event: str
    connectorId: NotRequired[str]
    actionId: NotRequired[str]
    outcome: str
    upstreamStatus: NotRequired[int]
    durationMs: NotRequired[int]


class ActivityList(TypedDict):
    activity: list[Activity]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class AuditEntry(TypedDict):
    at: str
    userId: str
    principalId: NotRequired[str]
    door: Literal["api_key", "jwt", "token", "cli", "service"]
    keyId: NotRequired[str]
    event: str
    subject: NotRequired[str]
    serverId: NotRequired[str]
    connectorId: NotRequired[str]
    actionId: NotRequired[str]
    outcome: str
    upstreamStatus: NotRequired[int]
    durationMs: NotRequired[int]
    requestId: NotRequired[str]
    arguments: NotRequired[list[str] | dict[str, Any]]
    hash: str


class AuditList(TypedDict):
    audit: list[AuditEntry]
    nextCursor: NotRequired[str]


class Access(TypedDict):
    allowed: bool
    reason: str
    rule: str
    connector: NotRequired[str]
    action: NotRequired[str]
    user: NotRequired[str]


ClientKind: TypeAlias = Literal["assistant", "editor", "agent", "automation", "sdk", "bridge"]


class ClientListClient(TypedDict):
    id: str
    name: str
    kind: ClientKind
    doors: list[Literal["token", "key"]]
    publicUrl: bool
    documentation: str


class ClientList(TypedDict):
    clients: list[ClientListClient]
    count: int


class ClientSnippet(TypedDict):
    title: str
    format: Literal["json", "yaml", "toml", "command", "python", "typescript", "url"]
    file: NotRequired[str]
    snippet: str


class ClientConnection(TypedDict):
    client: str
    name: str
    door: Literal["token", "key"]
    url: str
    title: str
    format: Literal["json", "yaml", "toml", "command", "python", "typescript", "url"]
    file: NotRequired[str]
    snippet: str
    alternatives: list[ClientSnippet]
    steps: list[str]
    notes: list[str]
    link: NotRequired[str]
    evidence: Literal["connected", "documented"]
    publicUrl: bool
    documentation: str


PageSize: TypeAlias = int


Cursor: TypeAlias = str


class ToolCall(TypedDict):
    arguments: NotRequired[dict[str, Any]]


class ToolResult(TypedDict):
    result: dict[str, Any]


class IconsIcon(TypedDict):
    src: str
    mimeType: NotRequired[str]
    sizes: NotRequired[list[str]]
    theme: NotRequired[Literal["light", "dark"]]


Icons: TypeAlias = list[IconsIcon]
"""
Pictures to show beside a name
"""


class ResourceListResourceAnnotations(TypedDict):
    """
    Whom it is for, and how much it matters (0 to 1)
    """

    audience: NotRequired[list[Literal["user", "assistant"]]]
    priority: NotRequired[float]
    lastModified: NotRequired[str]


ResourceMediaType: TypeAlias = str


class ResourceTemplateListResourceTemplate(TypedDict):
    uriTemplate: str
    name: str
    title: str
    description: str
    mimeType: ResourceMediaType
    annotations: NotRequired[dict[str, Any]]
    icons: NotRequired[Icons]


class ResourceTemplateList(TypedDict):
    resourceTemplates: list[ResourceTemplateListResourceTemplate]
    nextCursor: NotRequired[Cursor]


class ResourceContentsContent(TypedDict):
    uri: str
    mimeType: NotRequired[ResourceMediaType]
    text: NotRequired[str]
    blob: NotRequired[str]


class ResourceContents(TypedDict):
    contents: list[ResourceContentsContent]


class PromptListPromptArgument(TypedDict):
    name: str
    title: NotRequired[str]
    description: str
    required: bool


class PromptListPrompt(TypedDict):
    name: str
    title: str
    description: str
    arguments: list[PromptListPromptArgument]
    icons: NotRequired[Icons]


class PromptList(TypedDict):
    prompts: list[PromptListPrompt]
    nextCursor: NotRequired[Cursor]


class PromptArguments(TypedDict):
    arguments: NotRequired[dict[str, str]]


class PromptMessagesMessageContent(TypedDict):
    """
    A content block of the Model Context Protocol
    """

    type: Literal["text", "image", "audio", "resource", "resource_link"]
    text: NotRequired[str]


class PromptMessagesMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: PromptMessagesMessageContent


class PromptMessages(TypedDict):
    description: str
    messages: list[PromptMessagesMessage]


class ActionSummary(TypedDict):
    id: str
    displayName: str
    description: str
    httpMethod: str
    path: str
    resource: NotRequired[str]


class ActionList(TypedDict):
    actions: list[ActionSummary]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class ConnectorResourceListResource(TypedDict):
    name: str
    actions: list[ActionSummary]


class ConnectorResourceList(TypedDict):
    resources: list[ConnectorResourceListResource]


ActionDetailsActionParameter = TypedDict(
    "ActionDetailsActionParameter",
    {
        "name": str,
        "in": Literal["path", "query", "header", "cookie"],
        "description": NotRequired[str],
        "required": bool,
        "schema": dict[str, Any],
    },
)


class ActionDetailsAction(TypedDict):
    id: str
    displayName: str
    description: str
    httpMethod: str
    path: str
    parameters: list[ActionDetailsActionParameter]
    requestBody: NotRequired[dict[str, Any]]
    documentation: NotRequired[str]
    deprecated: NotRequired[bool]
    sample: NotRequired[dict[str, Any]]


class ActionDetails(TypedDict):
    action: ActionDetailsAction


class ExecuteAction(TypedDict):
    credentialId: str
    requestBody: NotRequired[Any]
    queryParameters: NotRequired[dict[str, Any]]
    pathParams: NotRequired[dict[str, Any]]
    additionalHeaders: NotRequired[dict[str, Any]]
    headers: NotRequired[dict[str, Any]]
    timeout: NotRequired[int]


class ExecutedActionNextPage(TypedDict):
    """
    Where the platform tells of a next page, the arguments that get it
    """

    parameters: dict[str, Any]
    message: str


class ExecutedAction(TypedDict):
    executionId: str
    status: Literal["completed"]
    responseData: Any
    nextPage: NotRequired[ExecutedActionNextPage]


class Credential(TypedDict):
    credentialId: str
    name: str
    type: str
    suspended: NotRequired[bool]
    dead: NotRequired[bool]
    default: NotRequired[bool]
    createdAt: str
    updatedAt: str


class RenameCredential(TypedDict):
    name: NotRequired[str]
    default: NotRequired[bool]


class ReplaceCredential(TypedDict):
    authenticationType: Literal["oauth2", "apiKey", "bearer", "basic", "clientCredentials"]
    name: NotRequired[str]
    data: NotRequired[dict[str, str]]


class Success(TypedDict):
    success: Literal[True]


class DeletedCredential(TypedDict):
    success: Literal[True]
    revocation: NotRequired[Literal["revoked", "failed", "unsupported"]]


class CredentialTest(TypedDict):
    ok: bool
    status: NotRequired[int]
    message: str


class CredentialMetadataMetadatum(TypedDict):
    authenticationType: str
    title: NotRequired[str]
    description: NotRequired[str]
    available: NotRequired[bool]
    authConfigRequired: bool
    inputSchema: dict[str, Any]
    sampleInput: dict[str, Any]


class CredentialMetadata(TypedDict):
    metadata: list[CredentialMetadataMetadatum]


class CredentialMetadataListDatumProperty(TypedDict):
    name: str
    displayName: str
    description: str


class CredentialMetadataListDatum(TypedDict):
    connector: str
    icon: str
    isOauth: bool
    properties: list[CredentialMetadataListDatumProperty]


class CredentialMetadataList(TypedDict):
    data: list[CredentialMetadataListDatum]


class CreateUser(TypedDict):
    username: str
    fullName: NotRequired[str]


class CreatedUser(TypedDict):
    userId: str


class UpdateUser(TypedDict):
    fullName: NotRequired[str | None]
    disabled: NotRequired[bool]


class User(TypedDict):
    userId: str
    username: NotRequired[str]
    fullName: NotRequired[str]
    disabled: bool
    createdAt: str


class UserList(TypedDict):
    users: list[User]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class DeletedUser(TypedDict):
    message: str
    userId: str


class UserCredentialList(TypedDict):
    data: list[Credential]


class ApiKey(TypedDict):
    keyId: str
    prefix: str
    userId: str
    scopes: list[Literal["manage", "use"]]
    name: NotRequired[str]
    createdAt: str
    expiresAt: NotRequired[str]
    lastUsedAt: NotRequired[str]
    revokedAt: NotRequired[str]


class KeyList(TypedDict):
    keys: list[ApiKey]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class CreateKey(TypedDict):
    userId: NotRequired[UserIdOrMe]
    scopes: NotRequired[list[Literal["manage", "use"]]]
    name: NotRequired[str]
    expiresAt: NotRequired[str]


class CreatedKey(TypedDict):
    keyId: str
    key: str
    userId: str
    scopes: list[Literal["manage", "use"]]
    name: NotRequired[str]
    expiresAt: NotRequired[str]


class RevokedKey(TypedDict):
    message: str
    keyId: str


class JwtIssuer(TypedDict):
    issuerId: str
    accountId: str
    issuer: str
    algorithm: Literal["HS256", "RS256", "ES256"]
    publicKey: NotRequired[str]
    jwksUrl: NotRequired[str]
    audience: NotRequired[str]
    scopes: list[str]
    createdAt: str


class JwtIssuerList(TypedDict):
    issuers: list[JwtIssuer]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class CreateJwtIssuer(TypedDict):
    issuer: str
    algorithm: Literal["HS256", "RS256", "ES256"]
    secret: NotRequired[str]
    publicKey: NotRequired[str]
    jwksUrl: NotRequired[str]
    audience: NotRequired[str]
    scopes: NotRequired[list[str]]


class DeletedJwtIssuer(TypedDict):
    message: str
    issuerId: str


class ProtectedResource(TypedDict):
    resource: str
    authorization_servers: list[str]
    bearer_methods_supported: list[Literal["header"]]
    resource_name: str
    scopes_supported: NotRequired[list[str]]


class Account(TypedDict):
    accountId: str
    name: str
    disabled: bool
    createdAt: str


class AccountList(TypedDict):
    accounts: list[Account]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class CreateAccount(TypedDict):
    name: str


class CreatedAccount(TypedDict):
    accountId: str
    name: str
    disabled: bool
    createdAt: str
    userId: str
    keyId: str
    key: str


class UpdateAccount(TypedDict):
    name: NotRequired[str]
    disabled: NotRequired[bool]


class DeletedAccount(TypedDict):
    message: str
    accountId: str


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
    "PRECONDITION_FAILED",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "IDEMPOTENCY_MISMATCH",
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
    name: NotRequired[str]
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


RotateServerTokenRequest: TypeAlias = RotateToken


RotateServerTokenResponse: TypeAlias = RotatedToken


class ListServerApprovalsQuery(TypedDict):
    status: NotRequired[ApprovalStatus]
    limit: NotRequired[int]
    offset: NotRequired[int]


ListServerApprovalsResponse: TypeAlias = ApprovalList


GetServerApprovalResponse: TypeAlias = Approval


DecideServerApprovalRequest: TypeAlias = ApprovalDecision


DecideServerApprovalResponse: TypeAlias = Approval


class ListServerActivityQuery(TypedDict):
    user: NotRequired[UserIdOrMe]
    event: NotRequired[str]
    connectorId: NotRequired[str]
    actionId: NotRequired[str]
    outcome: NotRequired[str]
    since: NotRequired[str]
    until: NotRequired[str]
    limit: NotRequired[int]
    offset: NotRequired[int]


ListServerActivityResponse: TypeAlias = ActivityList


class ExplainServerAccessQuery(TypedDict):
    connector: NotRequired[str]
    action: NotRequired[str]
    user: NotRequired[UserIdOrMe]


ExplainServerAccessResponse: TypeAlias = Access


ListServerClientsResponse: TypeAlias = ClientList


class GetServerClientQuery(TypedDict):
    door: NotRequired[Literal["token", "key"]]


GetServerClientResponse: TypeAlias = ClientConnection


ExecuteMcpApiRequest: TypeAlias = JsonRpcMessage


ExecuteMcpTokenRequest: TypeAlias = JsonRpcMessage


GetProtectedResourceResponse: TypeAlias = ProtectedResource


class ListServerToolsQuery(TypedDict):
    limit: NotRequired[PageSize]
    cursor: NotRequired[Cursor]


CallServerToolRequest: TypeAlias = ToolCall


CallServerToolResponse: TypeAlias = ToolResult


class ListServerResourcesQuery(TypedDict):
    limit: NotRequired[PageSize]
    cursor: NotRequired[Cursor]


class ListServerResourceTemplatesQuery(TypedDict):
    limit: NotRequired[PageSize]
    cursor: NotRequired[Cursor]


ListServerResourceTemplatesResponse: TypeAlias = ResourceTemplateList


class ReadServerResourceQuery(TypedDict):
    uri: str


ReadServerResourceResponse: TypeAlias = ResourceContents


class ListServerPromptsQuery(TypedDict):
    limit: NotRequired[PageSize]
    cursor: NotRequired[Cursor]


ListServerPromptsResponse: TypeAlias = PromptList


GetServerPromptRequest: TypeAlias = PromptArguments


GetServerPromptResponse: TypeAlias = PromptMessages


class ListConnectorsQuery(TypedDict):
    category: NotRequired[str]
    limit: NotRequired[int]
    offset: NotRequired[int]


CreateConnectorRequest: TypeAlias = CreateConnector


ReplaceConnectorRequest: TypeAlias = ReplaceConnector


DeleteConnectorResponse: TypeAlias = DeletedConnector


ListConnectorResourcesResponse: TypeAlias = ConnectorResourceList


class ListConnectorActionsQuery(TypedDict):
    query: NotRequired[str]
    limit: NotRequired[int]
    offset: NotRequired[int]


ListConnectorActionsResponse: TypeAlias = ActionList


GetConnectorActionDetailsResponse: TypeAlias = ActionDetails


ExecuteConnectorActionRequest: TypeAlias = ExecuteAction


ExecuteConnectorActionResponse: TypeAlias = ExecutedAction


class GetConnectorCredentialsQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


GetConnectorCredentialsResponse: TypeAlias = CredentialList


CreateConnectorCredentialRequest: TypeAlias = CreateCredential


GetConnectorCredentialsMetadataResponse: TypeAlias = CredentialMetadata


class GetConnectorCredentialQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


GetConnectorCredentialResponse: TypeAlias = Credential


class ReplaceConnectorCredentialQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


ReplaceConnectorCredentialRequest: TypeAlias = ReplaceCredential


ReplaceConnectorCredentialResponse: TypeAlias = Credential


class DeleteConnectorCredentialQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


DeleteConnectorCredentialResponse: TypeAlias = DeletedCredential


class RenameConnectorCredentialQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


RenameConnectorCredentialRequest: TypeAlias = RenameCredential


RenameConnectorCredentialResponse: TypeAlias = Credential


class TestConnectorCredentialQuery(TypedDict):
    userId: NotRequired[UserIdOrMe]


TestConnectorCredentialResponse: TypeAlias = CredentialTest


class ListAuthConfigsQuery(TypedDict):
    connectorId: NotRequired[str]


ListAuthConfigsResponse: TypeAlias = AuthConfigList


CreateAuthConfigRequest: TypeAlias = CreateAuthConfig


CreateAuthConfigResponse: TypeAlias = AuthConfig


GetAuthConfigResponse: TypeAlias = AuthConfig


DeleteAuthConfigResponse: TypeAlias = DeletedAuthConfig


UpdateAuthConfigRequest: TypeAlias = UpdateAuthConfig


UpdateAuthConfigResponse: TypeAlias = AuthConfig


class GetOauthConsentQuery(TypedDict):
    token: NotRequired[str]


class GiveOauthConsentQuery(TypedDict):
    token: NotRequired[str]


class FinishOauthQuery(TypedDict):
    answer: NotRequired[dict[str, str]]


ListCredentialMetadataResponse: TypeAlias = CredentialMetadataList


class ListUsersQuery(TypedDict):
    limit: NotRequired[int]
    offset: NotRequired[int]


ListUsersResponse: TypeAlias = UserList


CreateUserRequest: TypeAlias = CreateUser


CreateUserResponse: TypeAlias = CreatedUser


GetUserResponse: TypeAlias = User


DeleteUserResponse: TypeAlias = DeletedUser


UpdateUserRequest: TypeAlias = UpdateUser


UpdateUserResponse: TypeAlias = User


ListUserCredentialsResponse: TypeAlias = UserCredentialList


DeleteUserCredentialResponse: TypeAlias = DeletedCredential


class ListKeysQuery(TypedDict):
    limit: NotRequired[int]
    offset: NotRequired[int]


ListKeysResponse: TypeAlias = KeyList


CreateKeyRequest: TypeAlias = CreateKey


CreateKeyResponse: TypeAlias = CreatedKey


RevokeKeyResponse: TypeAlias = RevokedKey


class ListJwtIssuersQuery(TypedDict):
    limit: NotRequired[int]
    offset: NotRequired[int]


ListJwtIssuersResponse: TypeAlias = JwtIssuerList


CreateJwtIssuerRequest: TypeAlias = CreateJwtIssuer


CreateJwtIssuerResponse: TypeAlias = JwtIssuer


DeleteJwtIssuerResponse: TypeAlias = DeletedJwtIssuer


class ListAccountsQuery(TypedDict):
    limit: NotRequired[int]
    offset: NotRequired[int]


ListAccountsResponse: TypeAlias = AccountList


CreateAccountRequest: TypeAlias = CreateAccount


CreateAccountResponse: TypeAlias = CreatedAccount


DeleteAccountResponse: TypeAlias = DeletedAccount


UpdateAccountRequest: TypeAlias = UpdateAccount


UpdateAccountResponse: TypeAlias = Account


class ListAuditQuery(TypedDict):
    user: NotRequired[UserIdOrMe]
    event: NotRequired[str]
    serverId: NotRequired[str]
    connectorId: NotRequired[str]
    actionId: NotRequired[str]
    outcome: NotRequired[str]
    requestId: NotRequired[str]
    since: NotRequired[str]
    until: NotRequired[str]
    limit: NotRequired[int]
    cursor: NotRequired[str]


ListAuditResponse: TypeAlias = AuditList


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
    paused: NotRequired[bool]


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
    paused: NotRequired[bool]
    accessToken: str


class CreateServer(TypedDict):
    name: str
    description: NotRequired[str]
    customInstructions: NotRequired[CustomInstructions]
    tokenExpiresInDays: NotRequired[int]
    restrictions: NotRequired[ServerRestrictions]
    isPublic: NotRequired[IsPublic]
    mode: NotRequired[Mode]
    readOnly: NotRequired[ReadOnly]
    confirmDestructive: NotRequired[ConfirmDestructive]


class ServerList(TypedDict):
    servers: list[Server]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


class Safety(TypedDict):
    serverId: str
    readOnly: ReadOnly
    confirmDestructive: ConfirmDestructive


class UpdateSafety(TypedDict):
    readOnly: NotRequired[ReadOnly]
    confirmDestructive: NotRequired[ConfirmDestructive]


class ConnectorChanges(TypedDict):
    """
    Ids of actions, where a document took the place of another
    """

    added: ActionIds
    removed: ActionIds
    changed: ActionIds


class ConnectorDanglingRestriction(TypedDict):
    serverId: str
    name: str
    actions: ActionIds


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
    leftOut: NotRequired[list[str]]
    changes: NotRequired[ConnectorChanges]
    danglingRestrictions: NotRequired[list[ConnectorDanglingRestriction]]
    createdAt: NotRequired[str]
    updatedAt: NotRequired[str]


class ConnectorList(TypedDict):
    connectors: list[Connector]
    count: int
    total: int
    limit: int
    offset: int
    hasMore: bool


CreatedCredential: TypeAlias = StoredCredential | SignInLink


class Tool(TypedDict):
    name: str
    title: str
    description: str
    inputSchema: dict[str, Any]
    outputSchema: NotRequired[dict[str, Any]]
    icons: NotRequired[Icons]
    annotations: dict[str, bool]


class ResourceListResource(TypedDict):
    uri: str
    name: str
    title: str
    description: str
    mimeType: ResourceMediaType
    annotations: NotRequired[ResourceListResourceAnnotations]
    icons: NotRequired[Icons]


class ResourceList(TypedDict):
    resources: list[ResourceListResource]
    nextCursor: NotRequired[Cursor]


JsonRpcAnswer: TypeAlias = JsonRpcAnswer1 | list[dict[str, Any]]


ListServersResponse: TypeAlias = ServerList


CreateServerRequest: TypeAlias = CreateServer


CreateServerResponse: TypeAlias = CreatedServer


GetServerResponse: TypeAlias = Server


UpdateServerResponse: TypeAlias = Server


PauseServerResponse: TypeAlias = Server


ResumeServerResponse: TypeAlias = Server


GetServerSafetyResponse: TypeAlias = Safety


UpdateServerSafetyRequest: TypeAlias = UpdateSafety


UpdateServerSafetyResponse: TypeAlias = Safety


ExecuteMcpApiResponse: TypeAlias = JsonRpcAnswer


ExecuteMcpTokenResponse: TypeAlias = JsonRpcAnswer


ListServerResourcesResponse: TypeAlias = ResourceList


ListConnectorsResponse: TypeAlias = ConnectorList


CreateConnectorResponse: TypeAlias = Connector


GetConnectorResponse: TypeAlias = Connector


ReplaceConnectorResponse: TypeAlias = Connector


CreateConnectorCredentialResponse: TypeAlias = CreatedCredential


class ToolList(TypedDict):
    tools: list[Tool]
    nextCursor: NotRequired[Cursor]


ListServerToolsResponse: TypeAlias = ToolList
