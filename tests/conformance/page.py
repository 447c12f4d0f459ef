"""docs/conformance.md: the text between its markers is made from the figures of a run, and from nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


def written(page: str, version: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the figures of each revision in their place. ValueError where it lacks the markers."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"docs/conformance.md must have {_BEGIN} and {_END}")
    return f"{before}{_BEGIN}\n{_table(version, figures)}{_END}{after}"


def _table(version: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"`@modelcontextprotocol/conformance` {version}, `server --requirements REVISION`:",
        "",
        "| requirements | scored scenarios | run, not scored | extensions | checks passed | failed | warnings |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for revision, of in figures.items():
        shares = " | ".join("{} of {}".format(*of[kind]) for kind in ("scored", "not scored", "extensions"))
        counts = " | ".join(str(of["checks"][status]) for status in ("success", "failure", "warning"))
        lines.append(f"| {revision} | {shares} | {counts} |")
    for revision, of in figures.items():
        if of["baseline"]:
            lines += ["", f"What {revision} does not pass, and why:", "", "| scenario | reason |", "|---|---|"]
            lines += [f"| `{entry}` | {reason} |" for entry, reason in of["baseline"].items()]
    return "".join(f"{line}\n" for line in lines)
