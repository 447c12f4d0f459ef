"""The page at /docs: everything that it names is served, nothing else is, and a browser shows the contract with it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from gateway.http.docs_page import docs_page
from support import browser
from support.completeness import METHODS
from support.raw import request
from support.service import Service, serving

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "png": "image/png"}


class Page(HTMLParser):
    """What a page names, and whether it holds scripts or styles of its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.named: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.named += [given[name] or "" for name in ("src", "href") if name in given]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client(Authorization="")


def test_the_page(service: Service, client: httpx.Client) -> None:
    answer = client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>MCP Server API</title>" in answer.text
    assert Page(answer.text).inline == []
    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert (rules["default-src"], rules["script-src"], rules["style-src"]) == ("'none'", "'self'", "'self'")
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["connect-src"] == f"'self' {service.url}"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_everything_that_it_names_is_served(client: httpx.Client) -> None:
    named = Page(client.get("/docs").text).named
    assert len(named) == 7
    for target in named:
        # Nothing of another host.
        assert re.fullmatch(r"[a-z]+(\.json|/[a-z0-9.-]+)", target)
        answer = client.get(urljoin("/docs", target))
        assert answer.status_code == 200, target
        assert len(answer.content) > 20
        if target != "openapi.json":
            assert answer.headers["content-type"] == TYPES[target.rpartition(".")[2]]
            assert answer.headers["cache-control"] == "public, max-age=86400"
            assert answer.headers.get_list("cache-control") == ["public, max-age=86400"]
    script = client.get("/docs/start.js").text
    assert 'url: "openapi.json"' in script


def test_what_names_nothing_else_in_the_style(client: httpx.Client) -> None:
    style = client.get("/docs/swagger-ui.css").text
    assert {target.split(":")[0] for target in re.findall(r"url\([\"']?([^)]{4})", style)} <= {"data"}


def test_a_file_that_the_browser_has_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/docs/swagger-ui.css")
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get("/docs/swagger-ui.css", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=86400"
        assert not {"content-type", "content-length"} & set(again.headers)
    assert client.get("/docs/swagger-ui.css", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get("/docs/start.js").headers["etag"] != tag


@pytest.mark.parametrize(
    "target",
    [
        b"/docs/",
        b"/docs/nope.js",
        b"/docs/index.html",
        b"/docs/swagger-ui.css.map",
        b"/docs/../__init__.py",
        b"/docs/..%2f..%2f__init__.py",
        b"/docs/%2e%2e%2f__init__.py",
        b"/docs/..%5c__init__.py",
        b"/docs/%2fetc%2fpasswd",
        b"/docs//etc/passwd",
        b"/docs/swagger-ui.css%00",
        b"/docs/swagger-ui.css/",
        b"/docs/SWAGGER-UI.CSS",
        b"/docs/%ff",
    ],
)
def test_there_is_nothing_else(service: Service, target: bytes) -> None:
    answer = request(service, b"GET", target, auth=None)
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_the_title_is_escaped() -> None:
    page = docs_page("<script>alert('x')</script> & \"y\"", "https://gate.example.com/base")
    assert isinstance(page.body, bytes)
    assert b"<script>alert" not in page.body
    assert b"&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;y&quot;" in page.body
    assert b"connect-src 'self' https://gate.example.com;" in dict(page.headers)[b"content-security-policy"]


@pytest.mark.skipif(browser.PROGRAM is None, reason=browser.NEEDED)
def test_a_browser_shows_the_contract_and_tries_it_out(tmp_path: Path) -> None:
    with serving(tmp_path / "service") as running, browser.browsing(tmp_path / "profile") as tab:
        tab.call("Page.navigate", url=f"{running.url}/docs")
        shown = tab.wait_for("document.querySelectorAll('.opblock').length")
        document = running.client().get("/openapi.json").json()
        assert shown == sum(1 for item in document["paths"].values() for method in item if method in METHODS)
        operation = "#operations-Service-get-liveness"
        tab.evaluate(f"document.querySelector('{operation} button').click()")
        for button in (".try-out__btn", ".execute"):
            tab.wait_for(f"!!document.querySelector('{operation} {button}')")
            tab.evaluate(f"document.querySelector('{operation} {button}').click()")
        answer = f"document.querySelector('{operation} .live-responses-table')"
        assert '"status": "ok"' in tab.wait_for(f"{answer} && {answer}.innerText")
        asked = {said["request"]["url"] for said in tab.said("Network.requestWillBeSent")}
        assert f"{running.url}/health/live" in asked
        assert all(url.startswith((f"{running.url}/", "data:")) for url in asked), asked
        # The policy lets through all that the page does: a violation would stand in the log.
        assert tab.said("Log.entryAdded") == []
        assert tab.said("Runtime.exceptionThrown") == []
