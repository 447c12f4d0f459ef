"""A checkout of the repository: where it is, and its files as text."""

from dataclasses import dataclass
from pathlib import Path

SPEC = "spec/openapi.yaml"
_SIGNS = (SPEC, "handlers/__init__.py", "gateway/__init__.py", "tests/handlers", "docs")


class RegenerateError(Exception):
    """Why nothing could be generated, as one sentence for whoever ran the command."""


@dataclass(frozen=True, slots=True)
class Checkout:
    root: Path

    def read(self, name: str) -> str | None:
        """The text of a file, or None where there is none. `name` is relative to the root."""
        path = self.root / name
        return path.read_text("utf-8") if path.is_file() else None

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")


def find_checkout(root: Path | None) -> Checkout:
    """The checkout at `root`, or the one that the current directory is in. Raises RegenerateError where it is none."""
    start = (root or Path.cwd()).resolve()
    for folder in (start,) if root else (start, *start.parents):
        if all((folder / sign).exists() for sign in _SIGNS):
            return Checkout(folder)
    raise RegenerateError(
        f"{start} is not a checkout of Toolgate; `toolgate regenerate` works in one, or name it with --root."
    )
