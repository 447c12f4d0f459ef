"""Secrets that are told apart wherever they turn up, and the search for them in every form in which they might."""

import base64
import html
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

# What JSON, URLs, headers and HTML each write in their own way.
AWKWARD = "/+=&%~"
MORE_AWKWARD = "\"\\'<>é " + AWKWARD
_SHORTEST_TAIL = 16
_SHORTEST = 12


def forms(secret: str) -> dict[str, bytes]:
    """The secret as it might be written, by the name of the form."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "latin-1": secret.encode("latin-1", "replace"),
        "percent-encoded": quote(secret, safe="").encode(),
        "percent-encoded but for slashes": quote(secret).encode(),
        "form-encoded": quote_plus(secret).encode(),
        "percent-encoded twice": quote(quote(secret, safe=""), safe="").encode(),
        "JSON": json.dumps(secret)[1:-1].encode(),
        "JSON in UTF-8": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
        "HTML": html.escape(secret).encode(),
        "Python": repr(secret)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
    }
    for shift in range(3):
        # In the middle of a longer text, as the password in a header of Basic authentication is.
        encoded = base64.b64encode(b"\0" * shift + raw)
        middle = encoded[4 if shift else 0 : len(encoded) - 4]
        found[f"base64, {shift}"] = middle
        found[f"base64url, {shift}"] = middle.replace(b"+", b"-").replace(b"/", b"_")
    if len(secret) >= 2 * _SHORTEST_TAIL:
        found["its tail"] = raw[-_SHORTEST_TAIL:]
    return {name: form for name, form in found.items() if len(form) >= _SHORTEST}


@dataclass(frozen=True)
class Find:
    """A secret of some kind where it should not be."""

    kind: str
    form: str
    place: str
    around: str


@dataclass
class Secrets:
    """Every secret of a run, by its kind."""

    given: dict[str, str] = field(default_factory=dict)
    searched: Counter[str] = field(default_factory=Counter)
    _forms: dict[str, dict[str, bytes]] = field(default_factory=dict)
    # Whose forms end so.
    _ends: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))

    def new(self, kind: str, characters: str = AWKWARD) -> str:
        """A secret that nobody else has."""
        return self.add(kind, f"{kind.replace(' ', '-')[:12]}{characters}{secrets.token_hex(14)}")

    def add(self, kind: str, value: str) -> str:
        if value and value not in self.given:
            self.given[value] = kind
            self._forms[value] = forms(value)
            for form in self._forms[value].values():
                self._ends[form[-_SHORTEST:]].add(value)
        return value

    def find(self, place: str, data: bytes, *, but: frozenset[str] = frozenset()) -> Iterator[Find]:
        """Where a secret is in `data`, once for each secret. `but` names kinds that may be there."""
        self.searched["places"] += 1
        self.searched["bytes"] += len(data)
        # One look at each place of the data, for the ends of all forms at once: to look for one form after the other
        # takes twenty times as long. Only what ends here can be here.
        ends = (data[at : at + _SHORTEST] for at in range(len(data) - _SHORTEST + 1))
        near = set().union(*(self._ends[end] for end in ends if end in self._ends))
        for value, kind in self.given.items():
            if kind in but:
                continue
            self.searched["searches"] += len(self._forms[value])
            if value not in near:
                continue
            for form, encoded in self._forms[value].items():
                at = data.find(encoded)
                if at >= 0:
                    around = data[max(0, at - 60) : at + 30].decode("utf-8", "replace")
                    yield Find(kind, form, place, around)
                    break

    def find_in_files(self, folder: Path, but: dict[str, frozenset[str]]) -> Iterator[Find]:
        """The same in every file below a folder; `but` by the file's name."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield from self.find(path.name, path.read_bytes(), but=but.get(path.name, frozenset()))
