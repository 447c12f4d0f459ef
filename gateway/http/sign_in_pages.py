"""The pages of a sign-in, for a person: no script, nothing from elsewhere, in no frame, and all text escaped."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from gateway.http.answers import Answer

_STYLE = """
:root { color-scheme: light dark; --line: #d5d9e0; --soft: #5b6472; --ground: #f4f5f7; --card: #fff; --ink: #16191f;
  --deed: #1d4ed8; --warn: #92400e; --warned: #fef6e7; }
@media (prefers-color-scheme: dark) { :root { --line: #363c47; --soft: #a4adbb; --ground: #14171c; --card: #1d2128;
  --ink: #eef0f4; --deed: #3b66e0; --warn: #fcd58a; --warned: #2f2614; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, Helvetica, Arial, sans-serif; }
main { max-width: 34rem; margin: 8vh auto 2rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 1rem; }
dl { margin: 1.25rem 0; border-top: 1px solid var(--line); }
dl div { display: flex; gap: 1rem; padding: .55rem 0; border-bottom: 1px solid var(--line); }
dt { flex: 0 0 7.5rem; color: var(--soft); }
dd { margin: 0; min-width: 0; }
ul { margin: 0; padding-left: 1.1rem; }
small, .soft { color: var(--soft); font-size: .875rem; }
code { font: .875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.note { padding: .75rem 1rem; border-radius: 6px; background: var(--warned); color: var(--warn); }
button { width: 100%; padding: .8rem 1rem; border: 0; border-radius: 6px; background: var(--deed); color: #fff;
  font: inherit; font-weight: 600; cursor: pointer; }
button:focus-visible, label:focus-within { outline: 3px solid var(--ink); outline-offset: 2px; }
label { display: flex; gap: .75rem; padding: .7rem .9rem; margin-bottom: .5rem; border: 1px solid var(--line);
  border-radius: 6px; cursor: pointer; }
footer { max-width: 34rem; margin: 0 auto 3rem; padding: 0 1rem; text-align: center; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# A form may lead on through redirects to the platform, whose own hosts nobody here can list.
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'self' {{schemes}}; "
    "frame-ancestors 'none'"
)
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
<footer class="soft">{service}</footer>
</body>
</html>
"""


class Asked(NamedTuple):
    """What the page that asks for consent says; everything as it is, not escaped."""

    connector: str
    user: str
    # Host of the platform's own page.
    leads_to: str
    # Scope and what it means, or an empty text.
    scopes: Sequence[tuple[str, str]]
    # Where the person is sent at the end, or None.
    onward: str | None
    again: bool


class Pages:
    """`public_url` is the service's own address."""

    def __init__(self, public_url: str) -> None:
        self._service = public_url
        # On plain http, which only a test or a machine of one's own is, forms lead to http as well.
        schemes = "https:" if public_url.startswith("https:") else "https: http:"
        self._headers = [
            (b"content-security-policy", _POLICY.format(schemes=schemes).encode()),
            (b"x-frame-options", b"DENY"),
            (b"cache-control", b"no-store"),
        ]

    def consent(self, asked: Asked, form: str) -> Answer:
        """What is about to happen, and a button. `form` is the proof that the button's form carries."""
        scopes = "".join(
            f"<li>{escape(about)} <small><code>{escape(name)}</code></small></li>"
            if about
            else f"<li><code>{escape(name)}</code></li>"
            for name, about in asked.scopes
        )
        rows = [
            ("Platform", escape(asked.connector)),
            ("For the user", f"<strong>{escape(asked.user)}</strong>"),
            ("You go to", f"<strong>{escape(asked.leads_to)}</strong>"),
            ("It may", f"<ul>{scopes}</ul>" if scopes else "what the app is registered for there"),
        ]
        if asked.onward is not None:
            rows.append(("And then to", escape(asked.onward)))
        again = " again" if asked.again else ""
        body = (
            f"<p>You will sign in at <strong>{escape(asked.leads_to)}</strong> and allow this service to use "
            f"{escape(asked.connector)} for you.</p>\n{_list(rows)}\n"
            f'<p class="note">Go on only if you are <strong>{escape(asked.user)}</strong>, or set this up for them. '
            f"Whatever they let their assistants do will then be done with the account that you sign in with.</p>\n"
            f'<form method="post"><input type="hidden" name="form" value="{escape(form)}">'
            f'<button type="submit">Continue to {escape(asked.leads_to)}</button></form>\n'
            '<p class="soft">To do nothing, close this page. The link works for half an hour, and once.</p>'
        )
        return self._page(200, f"Connect {escape(asked.connector)}{again}", body)

    def choice(self, connector: str, user: str, names: Sequence[str], link: str, form: str) -> Answer:
        """Which of several accounts is meant."""
        options = "\n".join(
            f'<label><input type="radio" name="tenant" value="{number}" required> <span>{escape(name)}</span></label>'
            for number, name in enumerate(names)
        )
        body = (
            f"<p>You have let this service into several accounts of {escape(connector)}. "
            f"Which one is meant for <strong>{escape(user)}</strong>?</p>\n"
            f'<form method="post" action="callback">\n<input type="hidden" name="form" value="{escape(form)}">'
            f'<input type="hidden" name="token" value="{escape(link)}">\n{options}\n'
            '<button type="submit">Connect this one</button></form>'
        )
        return self._page(200, f"Choose an account of {escape(connector)}", body)

    def connected(self, connector: str, user: str, credential_id: str) -> Answer:
        """All is done."""
        rows = [("For the user", escape(user)), ("Credential", f"<code>{escape(credential_id)}</code>")]
        body = f"<p>You can close this page and go back to your assistant.</p>\n{_list(rows)}"
        return self._page(200, f"{escape(connector)} is connected", body)

    def refused(self, status: int, why: str) -> Answer:
        """Nothing was done, and why."""
        body = f"<p>{escape(why)}</p>\n<p class='soft'>No credential was stored.</p>"
        return self._page(status, "The sign-in did not succeed", body)

    def _page(self, status: int, title: str, body: str) -> Answer:
        text = _PAGE.format(title=title, style=_STYLE, body=body, service=escape(self._service))
        return Answer(
            text.encode("utf-8", "replace"),
            status=status,
            content_type=b"text/html; charset=utf-8",
            headers=[*self._headers],
        )


def _list(rows: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows) + "</dl>"
