"""Where a credential is missing, the client is asked to show its user the sign-in (MCP, URL mode elicitation)."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import CredentialNotFound, ToolgateError
from gateway.tools.asking import InputRequired
from gateway.tools.exchange import Exchange
from gateway.tools.visit import Visit

# The key of the question: no platform that speaks MCP may take it for its own.
CONNECT = "toolgate.connect"


def to_connect(visit: Visit, missing: CredentialNotFound) -> ToolgateError:
    """What is raised for a credential that is missing or dead.

    InputRequired, the first time, to a client that can show an address; else the error itself, whose details hold it.
    Clients of revisions before 2026-07-28 say what they can show in `initialize` alone, of which nothing is kept here.
    """
    exchange = visit.exchange
    url, shown = missing.details.get("connectUrl"), exchange.capabilities.get("elicitation")
    asked_before = CONNECT in exchange.input_responses
    if url is None or asked_before or not exchange.may_ask or not isinstance(shown, Mapping) or "url" not in shown:
        return missing
    message = str(missing.details["remedy"])
    params = {"mode": "url", "message": message, "url": url}
    return InputRequired({CONNECT: {"method": "elicitation/create", "params": params}})


def without_ours(exchange: Exchange) -> Exchange:
    """The exchange as a platform may know it: without the answer to our own question."""
    if CONNECT not in exchange.input_responses:
        return exchange
    theirs = {key: answer for key, answer in exchange.input_responses.items() if key != CONNECT}
    return replace(exchange, input_responses=theirs)
