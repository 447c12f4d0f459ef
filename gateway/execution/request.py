"""One request, from an action, its arguments and a credential."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.errors import InvalidRequest
from gateway.execution import address, bodies, credential, styles
from gateway.execution.arguments import NO_BODY, Arguments
from gateway.execution.headers import checked, put
from gateway.execution.native import META
from gateway.execution.plan import Plan, plan_of
from gateway.outbound.messages import Request

_ACCEPT = "application/json, */*;q=0.8"
_ACCEPT_EVENTS = "application/json, text/event-stream"


def _user_agent() -> str:
    try:
        return f"toolgate/{version('toolgate')}"
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        return "toolgate"


USER_AGENT = _user_agent()


def build(
    connector: Connector,
    action: Action,
    arguments: Arguments,
    secret: Secret | None,
    base_url: str | None = None,
    *,
    timeout: float = 30.0,
    meta: Mapping[str, Any] | None = None,
    tenant: str = "",
) -> Request:
    """The request that runs an action. `arguments` come from `arguments.split`; `timeout` is in seconds.

    `base_url` takes the place of the connector's, not of a server that the action has to itself. Headers count in this
    order, the later over the earlier: the connector's, the action's, additional ones, the credential's. `meta` is the
    member `_meta` of the body, for an action that speaks MCP; `tenant` is as in `messages.Request`.

    Raises InvalidRequest, which names the field, and CredentialNotFound where the connector wants a credential.
    """
    plan = plan_of(action, connector.document)
    data: Mapping[str, str] = secret.data if secret is not None else {}
    placed = credential.place(connector, action, secret)
    if action.server is not None or base_url is None:
        base = address.server(connector, action, secret)
    else:
        base = address.overriding(base_url)
    headers = {"User-Agent": USER_AGENT, "Accept": action.accept or _ACCEPT}
    secret_headers = _fixed(connector, data, headers)
    _described(plan, arguments, headers)
    _additional(arguments, headers, secret_headers | {name.lower() for name in (*placed.headers, *connector.hidden)})
    body, given = None, arguments.body
    if meta is not None:
        headers["Accept"] = _ACCEPT_EVENTS
        given = _with_meta(given, meta)
    if given is not NO_BODY:
        _refuse_hidden(connector, given)
        body, headers["Content-Type"] = bodies.encode(action, connector.document, plan.layout.body, given)
    cookies = [styles.cookie(plan.parameters["cookie"][name], value) for name, value in arguments.cookies.items()]
    cookies += placed.cookies
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    for name, value in placed.headers.items():
        put(headers, name, value)
    return Request(
        method=action.method,
        url=f"{base}{address.path(plan, connector, arguments.path, data)}{_query(plan, connector, arguments, placed)}",
        headers=headers,
        body=body,
        timeout=timeout,
        credential_headers=frozenset(
            {*secret_headers, *(name.lower() for name in placed.headers), *(("cookie",) if cookies else ())}
        ),
        credential_query=frozenset(name for name, _ in placed.query),
        idempotent=True if action.read_only else None,
        tenant=tenant,
    )


def _fixed(connector: Connector, data: Mapping[str, str], headers: dict[str, str]) -> frozenset[str]:
    """The connector's own headers; the names, in lower case, of those that hold a credential's data."""
    filled: set[str] = set()
    for name, value in connector.headers.items():
        if "{" in value:
            filled.add(name.lower())
        put(headers, name, checked(name, address.filled(connector, value, data)))
    return frozenset(filled)


def _described(plan: Plan, arguments: Arguments, headers: dict[str, str]) -> None:
    known = plan.parameters["header"]
    for name, value in arguments.headers.items():
        if value is not None:
            put(headers, name, checked(f"parameters.{name}", styles.header(known[name], value)))


def _additional(arguments: Arguments, headers: dict[str, str], taken: frozenset[str]) -> None:
    for name, value in arguments.additional_headers.items():
        if name.lower() in taken:
            field = f"parameters.additionalHeaders.{name}"
            raise InvalidRequest.of(field, "forbidden", f"{field} cannot be set by the caller")
        put(headers, name, value)


def _with_meta(body: Any, meta: Mapping[str, Any]) -> dict[str, Any]:
    if body is NO_BODY:
        body = {}
    if not isinstance(body, dict):
        raise InvalidRequest.of("parameters.requestBody", "type", "parameters.requestBody must be of type object")
    if META in body:
        field = f"parameters.{META}"
        raise InvalidRequest.of(field, "forbidden", f"{field} cannot be set by the caller")
    return {**body, META: meta}


def _refuse_hidden(connector: Connector, body: Any) -> None:
    """A body may be open to names that are not listed; those that carry credentials are not taken even so."""
    if connector.hidden and isinstance(body, dict):
        for name in connector.hidden:
            if name in body:
                raise InvalidRequest.of(f"parameters.{name}", "unknown", f"parameters.{name} is not known")


def _query(plan: Plan, connector: Connector, arguments: Arguments, placed: credential.Placed) -> str:
    pairs = [plan.query] if plan.query else []
    if arguments.query:
        known = plan.parameters["query"]
        for name, value in arguments.query.items():
            if isinstance(value, dict) and known[name].style == "form" and known[name].media_type is None:
                _check_keys(name, value, {*known, *connector.hidden, *(key for key, _ in placed.query)} - {name})
            pairs += styles.query(known[name], value)
    pairs += [f"{styles.encoded(name)}={styles.encoded(value)}" for name, value in placed.query]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _check_keys(name: str, value: Mapping[str, Any], taken: set[str]) -> None:
    """The keys of an exploded object become parameters of their own: they must not pass for another's."""
    for key in value:
        if key in taken:
            field = f"parameters.{name}.{key[:100]}"
            raise InvalidRequest.of(field, "forbidden", f"{field} has the name of another parameter")
