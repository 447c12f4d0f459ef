"""Writes the measurements into README.md: `python -m benchmarks.readme`, from the results that are in the repository.

The text between the two markers is made from `benchmarks/results/*.json` and from nothing else, so that a test can hold
both against each other.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
_BEGIN, _END = "<!-- measurements -->", "<!-- /measurements -->"
_WORKS = {
    "get-server": "Get a server",
    "update-server": "Change a server, with its audit row, on disk before the answer",
    "tools/list": "`tools/list`",
    "tools/call": "`tools/call` through to a platform, recorded on disk before the answer",
}
_DOCUMENTS = {"github": "GitHub's", "made up": "A made-up one"}
_WAYS = {
    "body": "`POST /connectors`, in the body",
    "url": "`POST /connectors`, by its address",
    "command": "`toolgate connectors add`",
}


def measurements(results: Path = RESULTS) -> str:
    """What stands between the markers: nothing without results."""
    parts = []
    if (results / "http.json").is_file():
        parts += _http(json.loads((results / "http.json").read_text()))
    if (results / "search.json").is_file():
        parts.append(_search(json.loads((results / "search.json").read_text())))
    if (results / "catalog.json").is_file():
        parts += _catalog(json.loads((results / "catalog.json").read_text()))
    return "".join(f"{part}\n" for part in parts)


def written(page: str, results: Path = RESULTS) -> str:
    """The page with the measurements in their place. ValueError where it lacks the markers."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"README.md must have {_BEGIN} and {_END}")
    return f"{before}{_BEGIN}\n{measurements(results)}{_END}{after}"


def _http(figures: Mapping[str, Any]) -> list[str]:
    works, start, packages = figures["works"], figures["start"], figures["packages"]
    recording = _ratio(works["tools/call"]["toolgate"], works["tools/call"]["starlette, recording"])
    return [
        "| Work | CPU per request | of FastAPI + pydantic | of bare Starlette | requests/s |",
        "|---|---:|---:|---:|---:|",
        *(_row(_WORKS[work], by) for work, by in works.items()),
        "",
        "For the first two, FastAPI and Starlette use the same store and the same caches as Toolgate, so that only",
        "the HTTP layer differs. For `tools/list`, Starlette sends the same bytes and checks nothing; for `tools/call`",
        "it is a proxy written by hand, which records nothing. Of a proxy that writes the same audit row, Toolgate's",
        f"CPU is {recording}.",
        "",
        f"Start to first answer: {start['start_s']:.2f} s (the very first: {start['first_start_s']:.2f} s). "
        f"Resident: {start['resident_mib']:.0f} MiB, {start['resident_after_mib']:.0f} MiB after the load.",
        "",
        f"Measured on {figures['date']} by `{figures['command']}`:",
        f"{figures['machine']}; Python {figures['python']}, FastAPI {packages['fastapi']}, "
        f"Starlette {packages['starlette']}, uvicorn {packages['uvicorn']}, one worker each, in turns.",
        "See [`benchmarks`](benchmarks).",
    ]


def _row(title: str, by: Mapping[str, Any]) -> str:
    ours = by["toolgate"]
    fastapi, starlette = (_ratio(ours, by.get(name)) for name in ("fastapi", "starlette"))
    return f"| {title} | {ours['cpu_us']:.0f} µs | {fastapi} | {starlette} | {ours['requests_per_s']:,.0f} |"


def _ratio(ours: Mapping[str, float], theirs: Mapping[str, float] | None) -> str:
    return "" if theirs is None else f"{ours['cpu_us'] / theirs['cpu_us']:.2f} x"


def _search(figures: Mapping[str, Any]) -> str:
    cost = figures["cost"]
    return f"\nA search over {cost['actions']:,} actions: {cost['p50_ms']:.1f} ms, p99 {cost['p99_ms']:.1f} ms."


def _catalog(figures: Mapping[str, Any]) -> list[str]:
    start = figures["start"]
    return [
        "",
        "| A document becomes a connector | by | time | longest wait of others | memory, and at its most |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {_document(name, document)} | {_WAYS[way]} | {row['register_s']:.2f} s "
            f"| {row['longest_wait_ms']:.0f} ms | {row['resident_more_mib']:.0f} MiB, {row['peak_more_mib']:.0f} MiB |"
            for name, document in figures["documents"].items()
            for way, row in document["ways"].items()
        ),
        "",
        f"Start to first answer with the {start['connectors']} shipped connectors: {start['start_s']:.2f} s "
        f"({start['start_cpu_s']:.2f} s of CPU), {start['resident_mib']:.0f} MiB.",
        f"Measured on {figures['date']} by `{figures['command']}`: {figures['machine']}; Python {figures['python']}, "
        f"`{figures['package']}`.",
    ]


def _document(name: str, document: Mapping[str, Any]) -> str:
    size = f"{document['bytes'] / 1_000_000:.0f} MB, {document['operations']:,} operations"
    return f"{_DOCUMENTS[name]}: {size}"


def main() -> None:
    README.write_text(written(README.read_text()))


if __name__ == "__main__":
    main()
