"""What the database holds of one client's things, in the words of its ledger; and whether the file itself is whole."""

import json
import re
import sqlite3
import zlib
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from ledger import Key
from loaders import CONNECTOR, Loader, long

from gateway.credentials.store import associated
from gateway.credentials.vault import Vault
from gateway.secrets import load_or_create

HALF = "<half written>"


def problems_of_the_file(data_dir: Path) -> list[Any]:
    """What SQLite finds wrong with the database; nothing, most of all."""
    with closing(sqlite3.connect(data_dir / "toolgate.db", timeout=30)) as connection:
        found = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
        return found + connection.execute("PRAGMA foreign_key_check").fetchall()


def stored_of(data_dir: Path, loader: Loader, tokens: dict[str, str]) -> tuple[dict[Key, Any], Counter[str]]:
    """The client's things, and how many audit rows it has by event. `tokens` are its servers' token URLs by name."""
    vault = Vault(load_or_create(data_dir, fresh=False).ring)
    found: dict[Key, Any] = {}
    with closing(sqlite3.connect(data_dir / "toolgate.db", timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        mine = (loader.user,)
        for row in connection.execute("SELECT * FROM servers WHERE user_id = ?", mine):
            word, name = row["description"], row["name"]
            whole = row["custom_instructions"] == long(word)
            found["server", name] = (word, bool(row["paused"])) if whole else HALF
            found["token", name] = tokens[name]
            found["path of server", name] = f"/api/servers/{row['server_id']}"
        for row in connection.execute("SELECT * FROM credentials WHERE user_id = ?", mine):
            bound = associated(row["account_id"], row["user_id"], row["connector_id"], row["credential_id"])
            opened = json.loads(vault.open(row["sealed"], row["sealed_by"], bound))
            found["credential", row["name"]] = opened["token"]
            if row["name"] != "own":
                path = f"/connectors/{CONNECTOR}/credentials/{row['credential_id']}"
                found["path of credential", row["name"]] = path
        for row in connection.execute("SELECT * FROM users WHERE username LIKE ?", (f"{loader.name} user %",)):
            found["user", row["username"]] = row["full_name"]
            found["path of user", row["username"]] = f"/users/{row['user_id']}"
        unknown = 0
        for row in connection.execute("SELECT * FROM api_keys WHERE user_id = ?", mine):
            key = ("key", row["key_id"])
            if row["key_id"] == loader.own_key_id:
                continue
            if key not in loader.ledger.facts and ("key", "?") in loader.ledger.doubt and not unknown:
                # One whose answer never came, and with it its id.
                unknown += 1
                key = ("key", "?")
            found[key] = "revoked" if row["revoked_at"] else "in force"
        for row in connection.execute("SELECT * FROM connectors WHERE connector_id LIKE ?", (f"{loader.name}-c-%",)):
            found["connector", row["connector_id"]] = _word_of(row["document"])
        rows = connection.execute("SELECT event FROM audit WHERE user_id = ? AND outcome = 'ok'", mine)
        events = Counter(row["event"] for row in rows)
    return found, events


def _word_of(document: bytes) -> str:
    """The word that the whole document is written with."""
    parsed = json.loads(zlib.decompress(document))
    description = parsed["info"]["description"]
    word = re.match(r"v[0-9]+", description)
    if word is None or description != long(word[0]) or f"/{word[0]}" not in parsed["paths"]:
        return HALF
    return word[0]
