"""Every operation over REST: what it takes, whom it is for, and what it answers where it may.

Written by hand and not read from the spec, so that a scope that is lost there is found here. Who has to write an
operation's line here decides who may see what it shows.
"""

from dataclasses import dataclass
from typing import Any, Literal

Rule = Literal["own", "use", "filter"]


@dataclass(frozen=True)
class Door:
    """One way to ask one operation. `{name}` in path and body stands for the id of the target of that name."""

    operation: str
    method: str
    path: str
    # Names of the targets in the path or body, in the order in which they are judged.
    takes: tuple[str, ...] = ()
    ok: tuple[int, ...] = (200,)
    scope: str | None = None
    key_only: bool = False
    operator: bool = False
    # It changes, stores or executes something: nothing for whom x-alloy-userid does not name anybody known.
    writes: bool = False
    # Whose server it must be: one's own, or one that one may use. `filter`: whatever is asked for, the answer is 200.
    rule: Rule = "own"
    body: Any = None
    # Destroyed or changed for good: who may do it is given one of their own.
    fresh: str | None = None
    # What else of the caller's own account, beside their own and the target, may stand in the answer.
    shows: frozenset[str] = frozenset()
    # What of other accounts the operator may see here.
    abroad: frozenset[str] = frozenset()
    # Where another's credential is no path but a field: 400.
    missing: int = 404
    form: str = ""


_PEOPLE = frozenset({"user", "key", "server", "act", "credential", "approval"})
_FOR_ALL = frozenset({"connector", "config"})
# What the operator gives other accounts; that they did is on record in their own.
_GIVEN = frozenset({"account", "issuer"})


def _server(operation: str, method: str, rest: str, **fields: Any) -> Door:
    return Door(operation, method, f"/api/servers/{{server}}{rest}", ("server",), **fields)


def _credential(operation: str, method: str, rest: str, **fields: Any) -> list[Door]:
    path = f"/connectors/{{connector}}/credentials/{{credential}}{rest}"
    shown = {"scope": "use", "writes": method != "GET", **fields}
    return [
        Door(operation, method, path, ("connector", "credential"), **shown),
        Door(operation, method, f"{path}?userId={{owner}}", ("connector", "owner", "credential"), **shown),
    ]


def _connector(operation: str, method: str, rest: str, **fields: Any) -> Door:
    return Door(operation, method, f"/connectors/{{connector}}{rest}", ("connector",), shows=_FOR_ALL, **fields)


def _use(operation: str, method: str, rest: str, **fields: Any) -> Door:
    return _server(operation, method, rest, scope="use", rule="use", shows=_FOR_ALL, **fields)


_MANAGED: dict[str, Any] = {"scope": "manage", "key_only": True}
_CHANGED: dict[str, Any] = {**_MANAGED, "writes": True}
_OPERATORS: dict[str, Any] = {**_MANAGED, "operator": True, "abroad": _GIVEN}
_BEARER = {"authenticationType": "bearer", "data": {"token": "another-token"}}
_TINY = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "servers": [{"url": "https://t.example"}],
         "paths": {"/t": {"get": {"operationId": "t", "responses": {"200": {"description": "ok"}}}}}}  # fmt: skip
_CALL = {"arguments": {"connectorId": "slack", "actionId": "users_list"}}

DOORS: list[Door] = [
    # Who is named in restrictions of one's own is no news.
    Door("list-servers", "GET", "/api/servers?limit=1000", shows=frozenset({"user"})),
    Door("list-servers", "GET", "/api/servers?name={mark}", ("mark",), rule="filter"),
    Door("create-server", "POST", "/api/servers", scope="manage", writes=True, ok=(201,), body={"name": "{new}"}),
    _server("get-server", "GET", ""),
    _server("update-server", "PUT", "", scope="manage", writes=True, body={"isPublic": False}, fresh="server"),
    _server("delete-server", "DELETE", "", scope="manage", writes=True, fresh="server"),
    _server("rotate-server-token", "POST", "/token", scope="manage", writes=True, body={}, fresh="server"),
    _server("pause-server", "POST", "/pause", scope="manage", writes=True, fresh="server"),
    _server("resume-server", "POST", "/resume", scope="manage", writes=True, fresh="server"),
    _server("get-server-safety", "GET", "/safety"),
    _server("update-server-safety", "PUT", "/safety", scope="manage", writes=True, body={"readOnly": False}),
    _server("list-server-approvals", "GET", "/approvals", scope="manage", shows=_FOR_ALL),
    Door("list-server-approvals", "GET", "/api/servers/{confirming}/approvals?limit=1000", ("confirming",),
         scope="manage", shows=_FOR_ALL),
    Door("get-server-approval", "GET", "/api/servers/{server}/approvals/{approval}", ("server", "approval"),
         scope="manage", shows=_FOR_ALL),
    Door("decide-server-approval", "POST", "/api/servers/{server}/approvals/{approval}", ("server", "approval"),
         scope="manage", writes=True, body={"decision": "deny"}, fresh="approval", shows=_FOR_ALL),
    _server("list-server-activity", "GET", "/activity?limit=1000", shows=frozenset({"user", "approval", "connector"})),
    Door("list-server-activity", "GET", "/api/servers/{server}/activity?limit=1000&user={person}", ("server", "person"),
         rule="filter", shows=frozenset({"user", "approval", "connector"})),
    Door("list-server-activity", "GET", "/api/servers/{server}/activity?connectorId={signin}", ("server", "signin"),
         rule="filter", shows=frozenset({"user"})),
    _server("explain-server-access", "GET", "/access?connector=slack&user=anybody"),
    Door("explain-server-access", "GET", "/api/servers/{server}/access?connector=slack&user={person}",
         ("server", "person"), rule="filter"),
    Door("explain-server-access", "GET", "/api/servers/{server}/access?connector={connector}&action=listTasks",
         ("server", "connector"), rule="filter"),
    _server("list-server-clients", "GET", "/clients"),
    _server("get-server-client", "GET", "/clients/cursor"),
    _use("list-server-tools", "GET", "/tools"),
    _use("call-server-tool", "POST", "/tools/list_connectors_alloy", body={"arguments": {"limit": 100}}),
    _use("list-server-resources", "GET", "/resources"),
    _use("list-server-resource-templates", "GET", "/resources/templates"),
    _use("read-server-resource", "GET", "/resources/read?uri=toolgate%3A%2F%2Factivity"),
    _use("read-server-resource", "GET", "/resources/read?uri=toolgate%3A%2F%2Fconnectors"),
    Door("read-server-resource", "GET",
         "/api/servers/{server}/resources/read?uri=example%3A%2F%2F{tasks}%2Fhandbook", ("server", "tasks"),
         scope="use", rule="use", shows=_FOR_ALL),
    _use("list-server-prompts", "GET", "/prompts"),
    _use("get-server-prompt", "POST", "/prompts/start", body={"arguments": {}}),
    Door("get-server-prompt", "POST", "/api/servers/{server}/prompts/{tasks}__report", ("server", "tasks"),
         scope="use", rule="use", body={"arguments": {"team": "x"}}, shows=_FOR_ALL),
    Door("list-connectors", "GET", "/connectors?limit=1000", shows=_FOR_ALL),
    Door("create-connector", "POST", "/connectors", **_CHANGED, ok=(201,), body={"id": "{new}", "document": _TINY}),
    _connector("get-connector", "GET", ""),
    Door("replace-connector", "PUT", "/connectors/{connector}", ("connector",), **_CHANGED, body={"document": _TINY},
         fresh="connector", shows=_FOR_ALL | {"server"}),
    _connector("delete-connector", "DELETE", "", **_CHANGED, fresh="connector"),
    _connector("list-connector-resources", "GET", "/resources"),
    _connector("list-connector-actions", "GET", "/actions"),
    Door("get-connector-action-details", "GET", "/connectors/{tasks}/actions/listTasks", ("tasks",)),
    Door("execute-connector-action", "POST", "/connectors/{tasks}/actions/listTasks/execute", ("tasks", "credential"),
         scope="use", writes=True, body={"credentialId": "{credential}"}, missing=400),
    Door("get-connector-credentials", "GET", "/connectors/{connector}/credentials", ("connector",), scope="use"),
    Door("get-connector-credentials", "GET", "/connectors/{connector}/credentials?userId={owner}",
         ("connector", "owner"), scope="use", shows=frozenset({"credential"})),
    Door("create-connector-credential", "POST", "/connectors/{tasks}/credentials", ("tasks",), scope="use",
         writes=True, body={"userId": "me", **_BEARER, "name": "one more"}),
    Door("create-connector-credential", "POST", "/connectors/{connector}/credentials", ("connector", "owner"),
         scope="use", writes=True, body={"userId": "{owner}", **_BEARER, "name": "one more"}),
    Door("create-connector-credential", "POST", "/connectors/{signin}/credentials", ("signin", "again"),
         scope="use", writes=True, body={"userId": "me", "authenticationType": "oauth2", "credentialId": "{again}"}),
    Door("create-connector-credential", "POST", "/connectors/{signin}/credentials", ("signin", "client"),
         scope="use", writes=True, missing=400,
         body={"userId": "me", "authenticationType": "oauth2", "authConfigId": "{client}"}),
    _connector("get-connector-credentials-metadata", "GET", "/credentials/metadata"),
    *_credential("get-connector-credential", "GET", ""),
    *_credential("rename-connector-credential", "PATCH", "", body={"default": False}),
    *_credential("replace-connector-credential", "PUT", "", body=_BEARER, fresh="credential"),
    *_credential("delete-connector-credential", "DELETE", "", fresh="credential"),
    *_credential("test-connector-credential", "POST", "/test", ok=(200, 409)),
    Door("list-auth-configs", "GET", "/auth-configs", **_MANAGED, shows=_FOR_ALL),
    Door("list-auth-configs", "GET", "/auth-configs?connectorId={connector}", ("connector",), **_MANAGED, rule="filter",
         shows=_FOR_ALL),
    Door("create-auth-config", "POST", "/auth-configs", ("signin",), **_CHANGED, ok=(201,),
         body={"connectorId": "{signin}", "clientId": "x", "name": "{new}"}, shows=_FOR_ALL),
    Door("get-auth-config", "GET", "/auth-configs/{config}", ("config",), **_MANAGED, shows=_FOR_ALL),
    Door("update-auth-config", "PATCH", "/auth-configs/{config}", ("config",), **_CHANGED, body={"userScopes": []},
         shows=_FOR_ALL),
    Door("delete-auth-config", "DELETE", "/auth-configs/{config}", ("config",), **_CHANGED, fresh="config"),
    Door("list-credential-metadata", "GET", "/metadata/credentials", shows=_FOR_ALL),
    Door("list-users", "GET", "/users?limit=1000", **_MANAGED, shows=_PEOPLE),
    Door("create-user", "POST", "/users", **_CHANGED, ok=(201,), body={"username": "{new}"}),
    Door("get-user", "GET", "/users/{user}", ("user",), **_MANAGED, shows=_PEOPLE),
    Door("update-user", "PATCH", "/users/{user}", ("user",), **_CHANGED, body={"disabled": False}, fresh="user"),
    Door("delete-user", "DELETE", "/users/{user}", ("user",), **_CHANGED, fresh="user"),
    Door("list-user-credentials", "GET", "/users/{user}/credentials", ("user",), **_MANAGED,
         shows=_PEOPLE | _FOR_ALL),
    Door("delete-user-credential", "DELETE", "/users/{user}/credentials/{credential}", ("user", "credential"),
         **_CHANGED, fresh="credential"),
    Door("list-keys", "GET", "/keys?limit=1000", **_MANAGED, shows=_PEOPLE),
    Door("create-key", "POST", "/keys", **_CHANGED, ok=(201,), body={"userId": "me", "scopes": ["use"]}),
    Door("revoke-key", "DELETE", "/keys/{key}", ("key",), **_CHANGED, fresh="key"),
    Door("list-jwt-issuers", "GET", "/accounts/{account}/jwt-issuers", ("account",), **_OPERATORS),
    Door("create-jwt-issuer", "POST", "/accounts/{account}/jwt-issuers", ("account",), **_OPERATORS, writes=True,
         ok=(201,), fresh="account",
         body={"issuer": "urn:{new}", "algorithm": "HS256", "secret": "a secret of more than 32 bytes, invented"}),
    Door("delete-jwt-issuer", "DELETE", "/accounts/{account}/jwt-issuers/{issuer}", ("account", "issuer"),
         **_OPERATORS, writes=True, fresh="issuer"),
    Door("list-accounts", "GET", "/accounts?limit=1000", **_OPERATORS),
    Door("create-account", "POST", "/accounts", **_OPERATORS, writes=True, ok=(201,), body={"name": "{new}"}),
    Door("update-account", "PATCH", "/accounts/{account}", ("account",), **_OPERATORS, writes=True,
         body={"disabled": False}, fresh="account"),
    Door("delete-account", "DELETE", "/accounts/{account}", ("account",), **_OPERATORS, writes=True, fresh="account"),
    Door("list-audit", "GET", "/api/audit?limit=1000", shows=_PEOPLE | _FOR_ALL | _GIVEN, abroad=_GIVEN),
    Door("list-audit", "GET", "/api/audit?serverId={server}", ("server",), rule="filter", shows=_PEOPLE | _FOR_ALL),
    Door("list-audit", "GET", "/api/audit?connectorId={signin}", ("signin",), rule="filter",
         shows=_PEOPLE | _FOR_ALL),
    Door("list-audit", "GET", "/api/audit?requestId={act}", ("act",), rule="filter", shows=_PEOPLE | _FOR_ALL),
    Door("list-audit", "GET", "/api/audit?user={person}", ("person",), rule="filter",
         shows=_PEOPLE | _FOR_ALL | _GIVEN, abroad=_GIVEN),
]  # fmt: skip

# These ask nobody who they are; tests/isolation/test_open_doors.py and test_mcp_doors.py have their cells.
ELSEWHERE = {
    "execute-mcp-api",
    "execute-mcp-token",
    "get-protected-resource",
    "get-oauth-consent",
    "give-oauth-consent",
    "finish-oauth",
    "choose-oauth-account",
    "get-liveness",
    "get-readiness",
    "get-docs",
    "get-docs-asset",
    "get-openapi",
}
