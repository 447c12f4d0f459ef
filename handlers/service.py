"""Service: health, and the contract itself."""

import orjson
from sqlalchemy import select

from gateway.gate import Gate
from gateway.http.answers import Answer
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
