"""What people paste to connect a client to a server: spec/clients.yaml, filled in for one server."""

import base64
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import orjson
import yaml

from gateway.contract import part
from gateway.errors import InvalidRequest, NotFound

TOKEN, KEY = "token", "key"
DOORS = (TOKEN, KEY)
# A name in an object that ends so is for the door `key` alone.
_KEY_ONLY = "(key)"
_PLACEHOLDER = re.compile(r"\{(name|url)\}")
_IN_LINK = re.compile(r"\{(name|url|config):(query|base64)\}")
_VARIABLE = "$TOOLGATE_API_KEY"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """The server that a snippet is for, and how the client is to come in."""

    # What the client will call it: ASCII letters, digits and `-`.
    name: str
    url: str
    door: str

    @classmethod
    def of(cls, public: Mapping[str, Any], door: str) -> "Place":
        """Of a server's documented JSON. `token`: its token URL; `key`: its plain URL, and an API key as a header."""
        # The id is the slug of the name, a hyphen, and random letters that nobody wants to read in a menu.
        slug = public["serverId"].rpartition("-")[0] or public["serverId"]
        return cls(slug, public["accessUrl" if door == TOKEN else "url"], door)


def clients() -> list[dict[str, Any]]:
    """Every client that is known: `[{"id", "name", "kind", "doors", "publicUrl", "documentation"}]`."""
    return [
        {
            "id": client["id"],
            "name": client["name"],
            "kind": client["kind"],
            "doors": _doors(client),
            "publicUrl": _is_public(client),
            "documentation": client["documentation"],
        }
        for client in _known().values()
    ]


def connection(client_id: str, place: Place) -> dict[str, Any]:
    """What to paste: `{"client", "name", "door", "url", "snippet", "format", "file"?, "alternatives", "steps", "notes",
    "link"?, "evidence", "publicUrl", "documentation"}`.

    Raises NotFound for a client that is not known, and InvalidRequest where it cannot come in by that door.
    """
    client = _known().get(client_id)
    if client is None:
        raise NotFound("Client not found", details={"client": client_id[:64], "known": list(_known())})
    if place.door not in _doors(client):
        raise InvalidRequest.of("door", "enum", f"{client['name']} sends no API key; use the door 'token'")
    first, *others = (_snippet(snippet, place) for snippet in client["snippets"])
    notes = list(client.get("notes", ()))
    if _is_public(client):
        notes.append(
            "The vendor's cloud calls the server, so that it needs a public https address (TOOLGATE_BASE_URL)."
        )
    notes.append(
        "The URL holds the server's token: whoever has it can use the server. Another token: rotate it."
        if place.door == TOKEN
        else _where_the_key_goes([first, *others])
    )
    return {
        "client": client["id"],
        "name": client["name"],
        "door": place.door,
        "url": place.url,
        **first,
        "alternatives": others,
        "steps": client.get("steps", []),
        "notes": notes,
        # A link can be seen in histories and logs: it never carries a token.
        **({"link": _link(client, place)} if "link" in client and place.door == KEY else {}),
        "evidence": client["evidence"],
        "publicUrl": _is_public(client),
        "documentation": client["documentation"],
    }


@cache
def _known() -> dict[str, dict[str, Any]]:
    return {client["id"]: client for client in part("clients.yaml")}


def _doors(client: Mapping[str, Any]) -> list[str]:
    return list(client.get("doors", DOORS))


def _is_public(client: Mapping[str, Any]) -> bool:
    return client.get("reach") == "public"


def _where_the_key_goes(snippets: list[dict[str, str]]) -> str:
    whole = "".join(snippet["snippet"] for snippet in snippets)
    places = {"TOOLGATE_API_KEY": "into TOOLGATE_API_KEY", "YOUR_API_KEY": "in the place of YOUR_API_KEY"}
    there = [said for word, said in places.items() if word in whole]
    if there:
        return f"Put your API key {', or '.join(there)}."
    return "Give the client your API key where it asks for one: it is sent as `Authorization: Bearer`."


def _snippet(snippet: Mapping[str, Any], place: Place) -> dict[str, str]:
    kind, content = snippet["format"], snippet["content"]
    text = _as_code(content[place.door], place) if kind in _CODE else _WRITERS[kind](_filled(content, place))
    file = {"file": snippet["file"]} if "file" in snippet else {}
    return {"title": snippet["title"], "format": kind, **file, "snippet": text}


def _filled(node: Any, place: Place) -> Any:
    """A structure with the placeholders filled in and what is for the other door left out."""
    if isinstance(node, str):
        return _PLACEHOLDER.sub(lambda found: getattr(place, found[1]), node)
    if isinstance(node, dict):
        return {
            _filled(name.removesuffix(_KEY_ONLY), place): _filled(value, place)
            for name, value in node.items()
            if place.door == KEY or not name.endswith(_KEY_ONLY)
        }
    if isinstance(node, list):
        return [filled for item in node for filled in _words(item, place)]
    return node


def _words(item: Any, place: Place) -> list[Any]:
    """A list's item; several words of a command that belong together, or none of them."""
    if isinstance(item, list):
        return [_filled(word, place) for word in item] if place.door == KEY else []
    if isinstance(item, dict) and set(item) == {"plain"}:
        return [item["plain"]] if place.url.startswith("http://") else []
    return [_filled(item, place)]


def _as_code(text: str, place: Place) -> str:
    """Source text: a JSON string is a string literal in Python and in TypeScript."""
    return _PLACEHOLDER.sub(lambda found: orjson.dumps(getattr(place, found[1])).decode(), text)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000))


def _toml(value: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """Tables of tables of strings (TOML 1.0, Table): a JSON string is a basic string."""
    lines = []
    for outer, tables in value.items():
        for name, entries in tables.items():
            lines.append(f"[{outer}.{name if _BARE_KEY.fullmatch(name) else orjson.dumps(name).decode()}]")
            lines += [f"{key} = {orjson.dumps(text).decode()}" for key, text in entries.items()]
    return "\n".join(lines) + "\n"


def _command(words: list[str]) -> str:
    """A line for a POSIX shell, which fills in the key from its variable."""
    return " ".join(f'"{word}"' if word.endswith(_VARIABLE) else shlex.quote(word) for word in words) + "\n"


def _link(client: Mapping[str, Any], place: Place) -> str:
    config = orjson.dumps(_filled(client["link_config"], place)) if "link_config" in client else b""

    def written(found: re.Match[str]) -> str:
        value = config if found[1] == "config" else getattr(place, found[1]).encode()
        return quote(base64.b64encode(value) if found[2] == "base64" else value, safe="")

    return _IN_LINK.sub(written, client["link"])


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "command": _command,
    "url": lambda url: f"{url}\n",
}
_CODE = frozenset({"python", "typescript"})
