"""One action from arguments to outcome, against a client that answers what it is told."""

import base64
import re
from typing import Any

import orjson
import pytest
from execution_samples import TOKEN, connector, only, parameter

from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.errors import CredentialNotFound, InvalidRequest, UpstreamError, UpstreamTimeout
from gateway.execution.answers import MAX_FILE
from gateway.execution.run import Outcome, execute
from gateway.outbound.messages import Request, Response

JSON = "application/json; charset=utf-8"


class Platform:
    """Stands in for the outbound client."""

    def __init__(self, status: int = 200, body: Any = b"", content_type: str | None = JSON, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            named["content-type"] = content_type
        self.response = Response(status, named, raw, "https://things.example.com/v1/things")
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.response


def things(**more: Any) -> Connector:
    return connector({"parameters": [parameter("q", {"type": "string"})]}, **more)


async def run(
    platform: Any, loaded: Connector | None = None, given: dict[str, Any] | None = None, secret: Secret | None = None
) -> Outcome:
    loaded = loaded or things()
    return await execute(loaded, only(loaded), given or {}, secret, platform)


async def failure(platform: Any, loaded: Connector | None = None, secret: Secret | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await run(platform, loaded, secret=secret)
    return caught.value


async def test_an_outcome() -> None:
    platform = Platform(201, {"id": 5})
    outcome = await run(platform, given={"q": "x"})
    assert re.fullmatch("[0-9a-f]{24}", outcome.execution_id)
    assert (outcome.status, outcome.response_data, outcome.upstream_status) == ("completed", {"id": 5}, 201)
    assert 0 <= outcome.duration_ms < 1000
    assert outcome.cut == ()
    assert (await run(platform)).execution_id != outcome.execution_id
    assert platform.requests[0].url == "https://things.example.com/v1/things?q=x"


async def test_timeout_and_base_url_are_passed_on() -> None:
    platform, loaded = Platform(), things()
    await execute(loaded, only(loaded), {}, None, platform, timeout=2.5, base_url="https://m.example")  # type: ignore[arg-type]  # stands in
    assert (platform.requests[0].timeout, platform.requests[0].url) == (2.5, "https://m.example/things")


async def test_nothing_leaves_for_wrong_arguments_or_without_a_credential() -> None:
    platform = Platform()
    with pytest.raises(InvalidRequest):
        await run(platform, given={"q": 5})
    wanting = things(**{"x-connector": {"authentication": [{"type": "bearer"}]}})
    with pytest.raises(CredentialNotFound):
        await run(platform, wanting)
    assert platform.requests == []


PNG = b"\x89PNG\r\n\x1a\n\x00"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", JSON, None),
        (b"null", JSON, None),
        (b'{"a": 1}', JSON, {"a": 1}),
        (b'{"a": 1}', "application/vnd.api+json", {"a": 1}),
        (b'{"a": 1}', None, {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),
        (b"[1]", None, [1]),
        (b"{broken", JSON, "{broken"),
        (b"plain", None, "plain"),
        ("grüße".encode(), "text/plain", "grüße"),
        ("grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grüße"),
        (b"gr\xfc", "text/html", "gr\ufffd"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"<a/>", "application/atom+xml", "<a/>"),
        (b"a,b\n1,2\n", "text/csv", "a,b\n1,2\n"),
        (PNG, "image/png", {"contentType": "image/png", "size": 9, "base64": base64.b64encode(PNG).decode()}),
        (PNG, None, {"contentType": "application/octet-stream", "size": 9, "base64": base64.b64encode(PNG).decode()}),
        (b"a\x00b", None, {"contentType": "application/octet-stream", "size": 3, "base64": "YQBi"}),
        (b"a\xff", None, {"contentType": "application/octet-stream", "size": 2, "base64": "Yf8="}),
        (b"x", "application/pdf; x=1", {"contentType": "application/pdf", "size": 1, "base64": "eA=="}),
    ],
)
async def test_values_of_answers(body: bytes, content_type: str | None, expected: Any) -> None:
    assert (await run(Platform(200, body, content_type))).response_data == expected


async def test_files_are_whole_or_not_at_all() -> None:
    data = bytes(MAX_FILE)
    found = (await run(Platform(200, data, "application/zip"))).response_data
    assert base64.b64decode(found["base64"]) == data
    found = (await run(Platform(200, data + b"x", "application/zip"))).response_data
    assert found == {"contentType": "application/zip", "size": MAX_FILE + 1, "truncated": True}


@pytest.mark.parametrize("kind", ["\x01", "a", "a/" + "b" * 200, "a/b\r\nx: y", "a/b c", "/", "<b>/x", "\u00e4/b"])
async def test_a_type_that_is_none_is_not_passed_on(kind: str) -> None:
    found = (await run(Platform(200, b"\x00", kind))).response_data
    assert found["contentType"] == "application/octet-stream"


async def test_json_of_millions_of_values_is_text() -> None:
    outcome = await run(Platform(200, b"[" + b"0," * 2_000_001 + b"0]"))
    assert outcome.response_data.startswith("[0,0,0,")
    assert len(outcome.response_data) < 6000
    outcome = await run(Platform(200, b"[" + b"0," * 999_999 + b"0]"))
    assert outcome.response_data["message"].startswith("Found 1000000")


async def test_a_call_counts_in_the_share_of_its_account() -> None:
    platform, loaded = Platform(200, {}), things()
    await execute(loaded, only(loaded), {}, None, platform, tenant="an-account")  # type: ignore[arg-type]
    assert platform.requests[-1].tenant == "an-account"


async def test_answers_are_shaped() -> None:
    outcome = await run(Platform(200, {"things": [{"n": n} for n in range(60)], "next": "c"}))
    assert outcome.response_data["needsRefinement"] is True
    assert outcome.response_data["envelope"] == {"next": "c"}
    assert "Narrow the request with" not in str(outcome.response_data["suggestions"])
    outcome = await run(Platform(200, {"text": "x" * 6000, "a": 1}))
    assert outcome.response_data["text"].endswith("…")
    assert outcome.cut == ("/text",)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, {"message": "No such thing."}, "Things answered 404 Not Found: No such thing."),
        (400, {"error": {"message": "bad", "code": 5}}, "Things answered 400 Bad Request: bad"),
        (400, {"errors": [{"detail": "one"}, {"detail": "two"}]}, "Things answered 400 Bad Request: one"),
        (422, {"error": "invalid", "error_description": "At length."}, "Things answered 422 Unprocessable"),
        (500, [], "Things answered 500 Internal Server Error"),
        (300, b"", "Things answered 300 Multiple Choices"),
        (302, b"", "Things answered 302 Found"),
        (599, b"", "Things answered 599"),
    ],
)
async def test_failures_say_what_the_platform_said(status: int, body: Any, message: str) -> None:
    error = await failure(Platform(status, body))
    assert error.message.startswith(message)
    assert error.details["status"] == status
    assert error.details["body"] == (None if body == b"" else body)


async def test_a_redirect_that_is_not_followed_says_where_it_leads() -> None:
    error = await failure(Platform(307, b"", location="https://things.example.com/v1/things/?key=s3cret"))
    assert error.message.endswith(
        "It redirects to https://things.example.com/v1/things/, where only GET and HEAD follow"
    )
    assert "redirects" not in (await failure(Platform(404, b"", location="/elsewhere"))).message


async def test_pages_of_html_are_no_reason() -> None:
    error = await failure(Platform(502, b"<html><body>" + b"x" * 20_000, "text/html"))
    assert error.message == "Things answered 502 Bad Gateway"
    assert len(error.details["body"]) < 6_000


async def test_bodies_of_failures_are_bounded() -> None:
    error = await failure(Platform(400, {"errors": [{"detail": "x" * 4000} for _ in range(25)]}))
    assert len(orjson.dumps(error.details)) < 6_000
    assert len(error.message) < 700


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_said_to_be_that(status: int) -> None:
    assert "credential may be invalid" in (await failure(Platform(status, {"message": "no"}))).message
    assert "credential" not in (await failure(Platform(404))).message


async def test_too_many_requests_say_when_to_try_again() -> None:
    assert (await failure(Platform(429, b"", retry_after="17"))).details["retryAfter"] == 17
    assert "retryAfter" not in (await failure(Platform(429, b"", retry_after="Fri, 31 Dec 1999"))).details
    assert (await failure(Platform(503, b"", retry_after="Fri, 31 Dec 1999 23:59:59 GMT"))).details["retryAfter"] == 0
    assert (await failure(Platform(503, b"", retry_after="999999999"))).details["retryAfter"] == 86_400
    assert "retryAfter" not in (await failure(Platform(500, b"", retry_after="17"))).details


@pytest.mark.parametrize("value", ["\u00b2", "\u0661\u0662", "9" * 40, "-1", "1e9", "nan", "", " ", "\x00"])
async def test_a_retry_after_that_is_none_is_left_out(value: str) -> None:
    assert "retryAfter" not in (await failure(Platform(429, b"", retry_after=value))).details


SLACK = {"x-connector": {"failure": {"field": "ok", "equals": False, "message": "error"}}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ok": False, "error": "channel_not_found"}, "Things refused: channel_not_found"),
        ({"ok": False, "error": {"code": 1, "message": "deep"}}, "Things refused: deep"),
        ({"ok": False}, "Things refused: no reason given"),
    ],
)
async def test_answers_that_mean_failure(body: Any, message: str) -> None:
    error = await failure(Platform(200, body), things(**SLACK))
    assert error.message == message
    assert error.details == {"status": 200, "body": body}


@pytest.mark.parametrize("body", [{"ok": True}, {"ok": 0}, {"ok": None}, {}, [{"ok": False}], "no"])
async def test_answers_that_do_not(body: Any) -> None:
    assert (await run(Platform(200, body), things(**SLACK))).response_data == body


async def test_graphql_errors() -> None:
    asked = connector({"x-graphql": "query { a }"})
    errors = [{"message": "Access denied", "path": ["a"]}]
    for data in (None, {"a": None}):
        error = await failure(Platform(200, {"data": data, "errors": errors}), asked)
        assert error.message == "Things refused: Access denied"
    assert (await failure(Platform(200, {"errors": errors}), asked)).details["body"] == {"errors": errors}
    # Part of an answer is an answer; the errors stand beside it.
    partly = {"data": {"a": 1, "b": None}, "errors": errors}
    assert (await run(Platform(200, partly), asked)).response_data == partly
    # Elsewhere `errors` may be anything.
    assert (await run(Platform(200, {"errors": errors}))).response_data == {"errors": errors}


async def test_a_platform_that_repeats_the_credential_is_not_passed_on() -> None:
    wanting = things(**{"x-connector": {"authentication": [{"type": "bearer"}], "fields": {"site": {}}}})
    secret = Secret("bearer", {"token": 'tok-"123456', "site": "acme-outdoor"})
    body = {"message": 'Invalid token tok-"123456 at acme-outdoor', "sent": {"Authorization": 'Bearer tok-"123456'}}
    for platform in (Platform(401, body), Platform(401, orjson.dumps(body), "text/plain")):
        error = await failure(platform, wanting, secret)
        assert "123456" not in error.message + str(error.details)
        assert "[credential]" in str(error.details)
        assert "acme-outdoor" in str(error.details)


async def test_an_answer_does_not_repeat_the_key_either() -> None:
    """The address of the next page often holds the key by which this one was asked for."""
    wanting = things(
        **{"x-connector": {"authentication": [{"type": "bearer"}], "fields": {"tenant": {"in": "header"}}}}
    )
    secret = Secret("bearer", {"token": 'tok-"1/23456', "tenant": "tenant-1"})
    body = {
        "echo": ['Bearer tok-"1/23456'],
        "next": "https://things.example.com/v1/things?key=tok-%221%2F23456&q=tok-%221%2F23456",
        "tenant": "tenant-1",
    }
    for platform in (Platform(200, body), Platform(200, orjson.dumps(body), "text/plain")):
        outcome = await run(platform, wanting, secret=secret)
        assert "23456" not in str(outcome.response_data) + str(outcome.next_page)
        # What merely goes with the key is part of what platforms have to say.
        assert "tenant-1" in str(outcome.response_data)
    assert (await run(Platform(200, body), wanting, secret=secret)).response_data["echo"] == ["Bearer [credential]"]


async def test_a_credential_inside_another_does_not_save_it() -> None:
    loaded = connector(
        {},
        components={
            "securitySchemes": {
                "id": {"type": "apiKey", "in": "header", "name": "Id"},
                "secret": {"type": "apiKey", "in": "header", "name": "Secret"},
            }
        },
        security=[{"id": [], "secret": []}],
    )
    error = await failure(
        Platform(401, "id-123456-more"), loaded, Secret("apiKey", {"Id": "id-123456", "apiKey": "id-123456-more"})
    )
    assert error.details["body"] == "[credential]"


async def test_basic_credentials_are_blotted_out_encoded_too() -> None:
    wanting = things(**{"x-connector": {"authentication": [{"type": "basic"}]}})
    secret = Secret("basic", {"username": "me", "password": "hunter22"})
    coded = base64.b64encode(b"me:hunter22").decode()
    error = await failure(Platform(401, {"message": f"bad: Basic {coded}, hunter22"}), wanting, secret)
    assert coded not in error.message + str(error.details)
    assert "hunter22" not in error.message + str(error.details)


async def test_a_key_in_the_place_of_the_user_name_is_blotted_out_too() -> None:
    wanting = things(**{"x-connector": {"authentication": [{"type": "basic"}]}})
    secret = Secret("basic", {"username": "key-of-ana", "password": "X"})
    error = await failure(Platform(401, {"message": "key-of-ana is not known"}), wanting, secret)
    assert "key-of-ana" not in error.message + str(error.details)
    named = Secret("basic", {"username": "ana@example.com", "password": "hunter22"})
    error = await failure(Platform(401, {"message": "ana@example.com is not known"}), wanting, named)
    assert "ana@example.com" in error.message


async def test_what_the_client_raises_is_passed_on() -> None:
    class Slow:
        async def send(self, request: Request) -> Response:
            raise UpstreamTimeout("things.example.com did not answer")

    with pytest.raises(UpstreamTimeout):
        await run(Slow())


async def test_a_shipped_action_from_end_to_end() -> None:
    slack = load_shipped("slack")
    platform: Any = Platform(200, {"ok": True, "ts": "1.2"})
    outcome = await execute(slack, slack.actions["chat_postMessage"], {"channel": "C1", "text": "hi"}, TOKEN, platform)
    assert outcome.response_data == {"ok": True, "ts": "1.2"}
    (asked,) = platform.requests
    assert (asked.method, asked.url) == ("POST", "https://slack.com/api/chat.postMessage")
    assert orjson.loads(asked.body) == {"channel": "C1", "text": "hi"}
    assert asked.headers["Authorization"] == "Bearer tok-123456"


async def test_a_mutation_that_names_user_errors_has_failed() -> None:
    asked = connector({"x-graphql": "mutation { thingCreate { thing { id } userErrors { message } } }"})
    refused = {
        "data": {"thingCreate": {"thing": None, "userErrors": [{"field": ["name"], "message": "Name is taken"}]}}
    }
    error = await failure(Platform(200, refused), asked)
    assert error.message == "Things refused: Name is taken"
    assert error.details["status"] == 200
    done = {"data": {"thingCreate": {"thing": {"id": "1"}, "userErrors": []}}}
    assert (await run(Platform(200, done), asked)).response_data == done


async def test_what_says_that_it_only_reads_may_be_sent_again() -> None:
    for node, expected in (({}, None), ({"x-read-only": True}, True)):
        platform = Platform(200, {})
        loaded = connector(node)
        await run(platform, loaded)
        assert only(loaded).read_only is bool(expected)
        assert platform.requests[-1].idempotent is expected


async def test_a_next_page_is_told_beside_the_answer() -> None:
    answer = {"items": [], "next_cursor": "c2"}
    loaded = connector({"parameters": [parameter("cursor", {"type": "string"})]}, method="get")
    outcome = await run(Platform(200, answer), loaded, {"cursor": "c1"})
    assert outcome.response_data == answer
    assert outcome.next_page is not None
    assert outcome.next_page["parameters"] == {"cursor": "c2"}
    assert (await run(Platform(200, answer), loaded, {"cursor": "c2"})).next_page is None
