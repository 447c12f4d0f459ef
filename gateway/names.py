"""Names of servers: what compares them, and the ids that are made of them."""

import re
import secrets
import string
import unicodedata

_SUFFIX = string.ascii_lowercase + string.digits


def name_key(name: str) -> str:
    """What "unique per user" compares, and what a name is found by: NFKC and casefolded, so that Ⓐ, A and a are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def slug(name: str) -> str:
    """The ASCII letters and digits of a name, joined by hyphens; `server` where it has none."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "server"


def new_server_id(name: str) -> str:
    """The slug and eight random letters or digits."""
    return f"{slug(name)}-{''.join(secrets.choice(_SUFFIX) for _ in range(8))}"
