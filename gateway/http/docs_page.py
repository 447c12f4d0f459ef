"""The contract as a page: Swagger UI, served whole from this process, under a policy that lets in nothing else.

The files are those of the package `swagger_ui_bundle`, which Connexion uses too. Only what the page names is served, by
name: no path of a request ever reaches the file system.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from importlib.resources import files
from urllib.parse import urlsplit

from gateway.errors import NotFound
from gateway.http.answers import Answer

_START = "start.js"
_SCRIPT = b"""\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
_STYLE = b"body { margin: 0; background: #fafafa; }\n"
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" sizes="32x32" href="docs/favicon-32x32.png">
<link rel="icon" type="image/png" sizes="16x16" href="docs/favicon-16x16.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="docs"><noscript>This page needs JavaScript; the document itself is at <a href="openapi.json">openapi.json</a>.
</noscript></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/{start}"></script>
</body>
</html>
"""
_TYPES = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "png": b"image/png"}
_PACKAGED = ("favicon-16x16.png", "favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css")
_OWN = {_START: _SCRIPT, "page.css": _STYLE}
# Swagger UI's style sheet has its icons as data: URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {api}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def docs_page(title: str, api: str) -> Answer:
    """The page. `api` is the address of the service, which the page may call to try things out."""
    parts = urlsplit(api)
    policy = _POLICY.format(api=f"{parts.scheme}://{parts.netloc}")
    return Answer(
        _PAGE.format(title=escape(title), start=_START).encode(),
        content_type=b"text/html; charset=utf-8",
        headers=[(b"content-security-policy", policy.encode()), (b"cache-control", b"no-cache")],
    )


def docs_asset(name: str, headers: Mapping[bytes, bytes]) -> Answer:
    """One file of the page; 304 where the caller has it. Raises NotFound."""
    if name not in _OWN and name not in _PACKAGED:
        raise NotFound("The page has no such file")
    content, tag = _asset(name)
    caching = [(b"etag", tag), (b"cache-control", b"public, max-age=86400")]
    given = headers.get(b"if-none-match", b"")
    if tag in (part.strip().removeprefix(b"W/") for part in given.split(b",")):
        return Answer(None, status=304, content_type=b"", headers=caching)
    return Answer(content, content_type=_TYPES[name.rpartition(".")[2]], headers=caching)


@lru_cache
def _asset(name: str) -> tuple[bytes, bytes]:
    """A file and its ETag, read when it is first asked for."""
    content = _OWN.get(name)
    if content is None:
        (folder,) = (files("swagger_ui_bundle") / "vendor").iterdir()
        content = (folder / name).read_bytes()
    return content, b'"%b"' % hashlib.sha256(content).hexdigest()[:32].encode()
