"""Service: health, the contract itself, and the page that shows it."""

from collections.abc import Mapping

import orjson
from sqlalchemy import select

from gateway.gate import Gate
from gateway.http.answers import Answer
from gateway.http.docs_page import docs_asset
from storage.tables import generation

_ALIVE = Answer(orjson.dumps({"status": "ok"}))
_PROBE = select(generation.c.value)


async def get_liveness() -> Answer:
    return _ALIVE


async def get_readiness(*, gate: Gate) -> Answer:
    # A store that cannot be read raises StoreError, which is answered 503.
    await gate.store.one(_PROBE)
    return _ALIVE


async def get_openapi(*, document: bytes) -> Answer:
    return Answer(document)


async def get_docs(*, page: Answer) -> Answer:
    return page


async def get_docs_asset(*, asset: str, headers: Mapping[bytes, bytes]) -> Answer:
    return docs_asset(asset, headers)
