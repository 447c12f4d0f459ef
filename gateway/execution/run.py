"""One action, from arguments to outcome."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.execution import answers
from gateway.execution.arguments import split
from gateway.execution.request import build
from gateway.execution.shape import shape
from gateway.moments import new_id
from gateway.outbound.client import OutboundClient


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
    # Where the answer was cut, as JSON pointers into `response_data`.
    cut: tuple[str, ...] = field(default=())


async def execute(
    connector: Connector,
    action: Action,
    arguments: Mapping[str, Any],
    secret: Secret | None,
    client: OutboundClient,
    *,
    timeout: float = 30.0,  # noqa: ASYNC109 (passed on: the client keeps one deadline for everything it does)
    base_url: str | None = None,
) -> Outcome:
    """Run an action with the caller's arguments (`arguments.split` says how they are given) and credential.

    `timeout` is in seconds, for everything together. `base_url` takes the place of the connector's. Whether the caller
    may run it has been decided before.

    Raises InvalidRequest (the arguments), CredentialNotFound (the connector wants a credential), what
    `OutboundClient.send` raises, and UpstreamError where the platform refused.
    """
    begun = time.perf_counter()
    request = build(connector, action, split(action, connector.document, arguments), secret, base_url, timeout=timeout)
    response = await client.send(request)
    value, is_file = answers.read(response)
    answers.check(connector, action, response, value, secret)
    cut: tuple[str, ...] = ()
    if not is_file:
        names = [parameter.name for parameter in action.parameters]
        shaped = shape(value, noun=action.resource, parameters=names)
        value, cut = shaped.value, tuple(shaped.cut)
    return Outcome(
        execution_id=new_id(),
        status="completed",
        response_data=value,
        upstream_status=response.status,
        duration_ms=round((time.perf_counter() - begun) * 1000),
        cut=cut,
    )
