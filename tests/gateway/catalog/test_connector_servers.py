"""Where a connector calls: the document's servers, the operator's base URL, and what neither may be."""

from typing import Any

import pytest
from openapi_samples import action, document, operation

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load


def base(servers: Any, **more: Any) -> str:
    given = document(servers=servers, **{key: more.pop(key) for key in list(more) if key.startswith("x-")})
    return load(given, connector_id="pets", **more).base_url


@pytest.mark.parametrize(
    ("servers", "more", "expected"),
    [
        ([{"url": "https://a.example/v1/"}], {}, "https://a.example/v1"),
        ([{"url": "HTTPS://a.example:8443"}], {}, "https://a.example:8443"),
        ([{"url": "https://a.example"}, {"url": "https://b.example"}], {}, "https://a.example"),
        ([{"url": "http://127.0.0.1:9/x y"}], {"base_url": "https://c.example/"}, "https://c.example"),
        ([{"url": "https://[2001:db8::1]:443/v1"}], {}, "https://[2001:db8::1]:443/v1"),
        ([{"url": "https://a.example/größe"}], {}, "https://a.example/gr%C3%B6%C3%9Fe"),
        # Relative to where the document lay; without servers that is its root.
        ([{"url": "/api"}], {"source_url": "https://a.example/docs/openapi.json"}, "https://a.example/api"),
        ([{"url": "v2"}], {"source_url": "https://a.example/docs/openapi.json"}, "https://a.example/docs/v2"),
        ([{"url": "//b.example/v2"}], {"source_url": "https://a.example/openapi.json"}, "https://b.example/v2"),
        # Label Studio's own.
        ([{"url": ""}], {"source_url": "https://a.example/docs/api/schema/json/"}, "https://a.example"),
        # A host whose scheme was forgotten (Directus writes its own so) is no path.
        ([{"url": "127.0.0.1:8055"}], {"source_url": "http://127.0.0.1:8055/specs/oas"}, "http://127.0.0.1:8055"),
        ([{"url": "localhost:8055/v1"}], {}, "http://localhost:8055/v1"),
        ([{"url": "cms.a.example/v1"}], {}, "https://cms.a.example/v1"),
        ([{"url": "cms.a.example/v1"}], {"source_url": "http://cms.a.example/o"}, "http://cms.a.example/v1"),
        ([{"url": "index.php"}], {"source_url": "https://a.example/o.json"}, "https://a.example/index.php"),
        ([{"url": "v1.2.3/x"}], {"source_url": "https://a.example/o.json"}, "https://a.example/v1.2.3/x"),
        ([], {"source_url": "https://a.example/docs/openapi.json"}, "https://a.example"),
        (None, {"source_url": "https://a.example:8080/docs/openapi.json"}, "https://a.example:8080"),
        (
            [
                {
                    "url": "https://{region}.a.example/{v}",
                    "variables": {"region": {"default": "eu"}, "v": {"default": "2"}},
                }
            ],
            {},
            "https://eu.a.example/2",
        ),
        # A field of x-connector stays for the credential to fill, whatever the default.
        (
            [{"url": "https://{shop}.a.example/{v}", "variables": {"shop": {"default": "x"}, "v": {"default": "2"}}}],
            {"x-connector": {"fields": {"shop": {}}}},
            "https://{shop}.a.example/2",
        ),
        (
            [{"url": "https://a.example/company/{realm}"}],
            {"x-connector": {"fields": {"realm": {}}}},
            "https://a.example/company/{realm}",
        ),
        # A field that lists its values may even end the host.
        (
            [{"url": "https://www.a.{region}/v2", "variables": {"region": {"default": "com"}}}],
            {"x-connector": {"fields": {"region": {"pattern": r"^(?:com|eu|com\.au)$"}}}},
            "https://www.a.{region}/v2",
        ),
    ],
)
def test_the_base_url(servers: Any, more: dict[str, Any], expected: str) -> None:
    assert base(servers, **more) == expected


FIELDS = {"x-connector": {"fields": {"shop": {}, "b": {}}}}
REFUSED: list[tuple[str, Any, dict[str, Any], str, str]] = [
    ("no server", None, {}, "#/servers", "required"),
    ("no servers", [], {}, "#/servers", "required"),
    ("servers that are none", {"url": "https://a.example"}, {}, "#/servers", "type"),
    ("a server that is none", ["https://a.example"], {}, "#/servers/0", "type"),
    ("a server without url", [{}], {}, "#/servers/0/url", "type"),
    ("relative, and nothing to complete it", [{"url": "/api"}], {}, "#/servers/0/url", "absolute"),
    ("an unknown variable", [{"url": "https://{x}.a.example"}], {}, "#/servers/0/url", "variables"),
    ("a literal placeholder", [{"url": "https://a.example/{$$.env.store}"}], {}, "#/servers/0/url", "variables"),
    ("another scheme", [{"url": "ftp://a.example"}], {}, "#/servers/0/url", "scheme"),
    ("a file", [{"url": "file:///etc/passwd"}], {}, "#/servers/0/url", "scheme"),
    ("a user", [{"url": "https://me:pw@a.example"}], {}, "#/servers/0/url", "userinfo"),
    ("a user of nothing", [{"url": "https://@a.example"}], {}, "#/servers/0/url", "userinfo"),
    ("a query", [{"url": "https://a.example/?x=1"}], {}, "#/servers/0/url", "url"),
    ("a fragment", [{"url": "https://a.example/#x"}], {}, "#/servers/0/url", "url"),
    ("an empty fragment", [{"url": "https://a.example/#"}], {}, "#/servers/0/url", "url"),
    ("no host", [{"url": "https:///x"}], {}, "#/servers/0/url", "host"),
    ("a space", [{"url": "https://a.example/a b"}], {}, "#/servers/0/url", "url"),
    ("a backslash", [{"url": "https://a.example\\evil.example"}], {}, "#/servers/0/url", "url"),
    ("a line end", [{"url": "https://a.example/a\nb"}], {}, "#/servers/0/url", "url"),
    ("two dots", [{"url": "https://a..example"}], {}, "#/servers/0/url", "host"),
    ("a host that is not ASCII", [{"url": "https://münchen.example"}], {}, "#/servers/0/url", "host"),
    ("a port that is none", [{"url": "https://a.example:99999"}], {}, "#/servers/0/url", "host"),
    ("an open bracket", [{"url": "https://[::1"}], {}, "#/servers/0/url", "url"),
    ("a field for the whole host", [{"url": "https://{shop}/v1"}], FIELDS, "#/servers/0/url", "host"),
    ("a field for the domain", [{"url": "https://{shop}.example"}], FIELDS, "#/servers/0/url", "host"),
    ("a field inside the domain", [{"url": "https://www.x{shop}.example"}], FIELDS, "#/servers/0/url", "host"),
    ("two fields", [{"url": "https://a.{shop}.{b}"}], FIELDS, "#/servers/0/url", "host"),
    ("a field for the port", [{"url": "https://a.b.example:{shop}"}], FIELDS, "#/servers/0/url", "host"),
    ("the operator's scheme", [], {"base_url": "gopher://a.example"}, "baseUrl", "scheme"),
    ("the operator's user", [], {"base_url": "https://u@a.example"}, "baseUrl", "userinfo"),
    ("the operator's placeholder", [], {"base_url": "https://{x}.a.example"}, "baseUrl", "fields"),
    ("nothing at all", [], {"base_url": ""}, "baseUrl", "scheme"),
]


@pytest.mark.parametrize(
    ("servers", "more", "place", "rule"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused_servers(servers: Any, more: dict[str, Any], place: str, rule: str) -> None:
    with pytest.raises(DocumentError) as caught:
        base(servers, **more)
    field = "document" if place.startswith("#") else place
    assert caught.value.details == {"field": field, "rule": rule, "place": place}


@pytest.mark.parametrize(
    "pattern",
    [r"^[a-z]+$", r"^(?:com|.+)$", r"^(?:com|eu)|evil\.example$", r"^(?:com|eu.)$", r"^(?:com|)$", r"^(?:com)+$"],
)
def test_a_field_that_does_not_list_its_values_does_not_end_a_host(pattern: str) -> None:
    fields = {"region": {"pattern": pattern}}
    with pytest.raises(DocumentError) as caught:
        base([{"url": "https://www.a.{region}/v2"}], **{"x-connector": {"fields": fields}})
    assert (caught.value.place, caught.value.rule) == ("#/servers/0/url", "host")


def test_a_document_without_server_says_what_to_do() -> None:
    with pytest.raises(DocumentError, match="names no server: give a base URL"):
        base([])


def own(of_path: Any = None, of_operation: Any = None, **more: Any) -> str | None:
    item = {"get": operation(**({"servers": of_operation} if of_operation is not None else {}))}
    if of_path is not None:
        item["servers"] = of_path
    loaded = load(document({"/pets": item}), connector_id="pets", **more)
    return next(iter(loaded.actions.values())).server


def test_servers_of_paths_and_operations() -> None:
    root, path, upload = ([{"url": f"https://{name}.example.com/v1"}] for name in ("pets", "path", "upload"))
    assert own() is None
    assert own(of_path=path) == "https://path.example.com/v1"
    assert own(of_path=path, of_operation=upload) == "https://upload.example.com/v1"
    # An operation may take back what its path says.
    assert own(of_path=path, of_operation=root) is None
    assert own(of_path=root) is None
    assert own(of_path=[]) is None


def test_a_repeated_root_follows_the_base_url() -> None:
    root = [{"url": "https://pets.example.com/v1/"}]
    assert own(of_path=root, base_url="https://mirror.example.com") is None
    assert (
        own(of_path=[{"url": "https://up.example.com"}], base_url="https://m.example.com") == "https://up.example.com"
    )


def test_a_server_that_only_the_base_url_completes() -> None:
    assert own(of_path=[{"url": "/other"}], base_url="https://m.example.com/v1") == "https://m.example.com/other"
    assert own(of_path=[{"url": "https://{$$.env.x}"}], base_url="https://m.example.com/v1") is None
    with pytest.raises(DocumentError) as caught:
        own(of_path=[{"url": "https://{$$.env.x}"}])
    assert caught.value.place == "#/paths/~1pets/servers/0/url"


def test_a_forbidden_server_of_an_operation_is_refused_even_so() -> None:
    with pytest.raises(DocumentError) as caught:
        own(of_operation=[{"url": "https://u:p@x.example.com"}], base_url="https://m.example.com")
    assert caught.value.details["place"] == "#/paths/~1pets/get/servers/0/url"


def test_other_servers_belong_to_the_action_alone() -> None:
    loaded, found = action({"servers": [{"url": "https://up.example.com"}]})
    assert (loaded.base_url, found.server) == ("https://pets.example.com/v1", "https://up.example.com")
