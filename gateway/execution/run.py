"""One action, from arguments to outcome."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.execution import answers
from gateway.execution.arguments import split
from gateway.execution.mcp_results import Kind, Needs
from gateway.execution.native import SILENCE, Conversation, Talk, meta
from gateway.execution.paging import next_page
from gateway.execution.plan import plan_of
from gateway.execution.request import build
from gateway.execution.shape import shape
from gateway.moments import new_id
from gateway.outbound.messages import Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an action that succeeded."""

    # 24 hexadecimal digits.
    execution_id: str
    status: str
    # Shaped: see gateway.execution.shape.
    response_data: Any
    upstream_status: int
    duration_ms: int
    # `response_data` is a file: `{"contentType", "size", "base64" or "truncated"}`.
    is_file: bool = False
    # Of an action that speaks MCP: its result as MCP has it, or what it needs to know first.
    native: dict[str, Any] | Needs | None = None
    # Where the answer was cut, as JSON pointers into `response_data`.
    cut: tuple[str, ...] = field(default=())
    # Where the platform tells of a next page: see gateway.execution.paging.
    next_page: dict[str, Any] | None = None


async def execute(
    connector: Connector,
    action: Action,
    arguments: Mapping[str, Any],
    secret: Secret | None,
    client: Sender,
    *,
    timeout: float = 30.0,  # noqa: ASYNC109 (passed on: the client keeps one deadline for everything it does)
    base_url: str | None = None,
    kind: Kind = "tool",
    talk: Talk = SILENCE,
    tenant: str = "",
) -> Outcome:
    """Run an action with the caller's arguments (`arguments.split` says how they are given) and credential.

    `timeout` is in seconds, for everything together. `base_url` takes the place of the connector's. Whether the caller
    may run it has been decided before. `kind` and `talk` count for an action that speaks MCP: what is asked of it, and
    the request on whose behalf it runs. `tenant` is the account whose share of the outbound calls it counts in.

    Raises InvalidRequest (the arguments), CredentialNotFound (the connector wants a credential), what
    `OutboundClient.send` raises, and UpstreamError where the platform refused.
    """
    begun = time.perf_counter()
    if action.speaks_mcp:
        return await _converse(connector, action, arguments, secret, client, timeout, base_url, kind, talk, tenant)
    given = split(action, connector.document, arguments)
    request = build(connector, action, given, secret, base_url, timeout=timeout, tenant=tenant)
    response = await client.send(request)
    value, is_file = answers.read(response)
    answers.check(connector, action, response, value, secret)
    cut: tuple[str, ...] = ()
    page = None
    if not is_file:
        page = next_page(plan_of(action, connector.document), given, response.headers, value)
        if page is not None:
            page = answers.blot_key(page, connector, secret)
        names = [parameter.name for parameter in action.parameters]
        shaped = shape(value, noun=action.resource, parameters=names)
        value, cut = answers.blot_key(shaped.value, connector, secret), tuple(shaped.cut)
    return Outcome(
        execution_id=new_id(),
        status="completed",
        response_data=value,
        upstream_status=response.status,
        duration_ms=round((time.perf_counter() - begun) * 1000),
        is_file=is_file,
        cut=cut,
        next_page=page,
    )


def check(connector: Connector, action: Action, arguments: Mapping[str, Any], secret: Secret | None) -> None:
    """Make the request and send nothing. Raises InvalidRequest and CredentialNotFound as `execute` does."""
    build(connector, action, split(action, connector.document, arguments), secret)


async def _converse(
    connector: Connector,
    action: Action,
    arguments: Mapping[str, Any],
    secret: Secret | None,
    client: Sender,
    timeout: float,  # noqa: ASYNC109 (passed on, as above)
    base_url: str | None,
    kind: Kind,
    talk: Talk,
    tenant: str,
) -> Outcome:
    begun = time.perf_counter()
    given = split(action, connector.document, arguments)
    request = build(connector, action, given, secret, base_url, timeout=timeout, meta=meta(talk), tenant=tenant)
    conversation = Conversation(connector, kind, talk, lambda value: answers.blot(value, connector, secret))
    response = await client.send(replace(request, on_event=conversation.hear))
    value, _ = answers.read(response)
    answers.check(connector, action, response, value, secret)
    found = conversation.result(response, value, plan_of(action, connector.document).check_structured)
    return Outcome(
        execution_id=new_id(),
        status="completed",
        response_data=None if isinstance(found, Needs) else _plain(found),
        upstream_status=response.status,
        duration_ms=round((time.perf_counter() - begun) * 1000),
        native=found,
    )


def _plain(found: Mapping[str, Any]) -> Any:
    """What a result of MCP says, for who has no use for its blocks."""
    if "structuredContent" in found:
        return found["structuredContent"]
    if "content" in found:
        return "\n".join(block["text"] for block in found["content"] if block["type"] == "text")
    return found
