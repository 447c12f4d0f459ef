"""An operation that the spec calls deprecated says so in every answer, errors included."""

import datetime
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from gateway.access.limits import RateLimits
from gateway.errors import Forbidden, ToolgateError
from gateway.http.cors import Cors
from gateway.http.deprecation import deprecation_headers
from gateway.http.doors import Doors
from gateway.http.edge import Edge
from gateway.http.operation import CompiledOperation, Environment
from gateway.http.streams import Places

ROOT = Path(__file__).parents[3]
OLD = {"operationId": "get-old", "deprecated": True, "x-deprecated": "2026-11-01", "x-sunset": "2027-05-01"}


async def answered(failure: ToolgateError | None = None, **spec: Any) -> dict[str, str]:
    """The headers of the answer of one compiled operation that is none of ours."""

    async def handler() -> dict[str, Any]:
        if failure is not None:
            raise failure
        return {}

    operation = SimpleNamespace(
        _operation={"responses": {"200": {"description": "ok"}}, **spec}, function=handler, parameters=[], method="get"
    )
    environment = Environment(
        authenticators={},
        limits=RateLimits(0),
        doors=Doors("http://localhost", (), ()),
        places=Places(0),
        idempotency=None,  # type: ignore[arg-type]  # the operation declares no key
        arguments={},
    )
    app = Edge(CompiledOperation(operation, environment), max_concurrency=1, log_requests=False, cors=Cors(()))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "path_params": {}, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


@pytest.mark.parametrize("failure", [None, Forbidden("no")])
async def test_a_deprecated_operation_says_so(failure: ToolgateError | None) -> None:
    headers = await answered(failure, **OLD)
    # RFC 9745, section 2.1: a structured date. RFC 8594, section 3: an HTTP date.
    assert headers["deprecation"] == f"@{int(datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp())}"
    assert headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"


async def test_another_says_nothing() -> None:
    headers = await answered(operationId="get-new", **{"x-sunset": "2027-05-01"})
    assert not {"deprecation", "sunset"} & set(headers)


def test_dates_that_yaml_made() -> None:
    unquoted = yaml.safe_load("{operationId: x, deprecated: true, x-deprecated: 2026-11-01, x-sunset: 2027-05-01}")
    assert deprecation_headers(unquoted) == deprecation_headers(OLD)


@pytest.mark.parametrize(
    "changed",
    [{"x-sunset": None}, {"x-deprecated": None}, {"x-sunset": "soon"}, {"x-sunset": "2026-10-31"}, {"x-sunset": ""}],
)
def test_the_service_does_not_start_without_dates(changed: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="'get-old'"):
        deprecation_headers({**OLD, **changed})


def test_the_policy_names_what_is_read() -> None:
    page = (ROOT / "docs" / "deprecation.md").read_text()
    assert set(re.findall(r"`(x-[a-z]+)", page)) == {"x-deprecated", "x-sunset"}
