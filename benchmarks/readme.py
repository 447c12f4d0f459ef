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
_AUDIT_ROWS = {
    "before": "without chain, request and principal",
    "unchained": "without chain",
    "now": "in the chain",
}
_DOCUMENTS = {"github": "GitHub's", "made up": "A made-up one"}
_STORMS = {
    "black-hole": "takes calls and never answers",
    "slow-body": "20 bytes a second",
    "status-503": "503 to everything",
    "reset": "breaks each connection",
    "bomb": "gzip that nobody asked for",
    "endless": "bodies without an end",
    "large": "0.9 MB of JSON each",
    "largest": "10 MB of JSON each",
    "dense": "10 MB of zeros and commas each",
}
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
    if (results / "mcp.json").is_file():
        parts += _mcp(json.loads((results / "mcp.json").read_text()))
    if (results / "search.json").is_file():
        parts.append(_search(json.loads((results / "search.json").read_text())))
    if (results / "audit.json").is_file():
        parts += _audit(json.loads((results / "audit.json").read_text()))
    if (results / "catalog.json").is_file():
        parts += _catalog(json.loads((results / "catalog.json").read_text()))
    if (results / "storm.json").is_file():
        parts += _storm(json.loads((results / "storm.json").read_text()))
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


def _ratio(ours: Mapping[str, float], theirs: Mapping[str, Any] | None) -> str:
    if theirs is None or "failed" in theirs:
        return ""
    ratio = ours["cpu_us"] / theirs["cpu_us"]
    return f"{ratio:.2f} x" if ratio >= 0.1 else f"{ratio:.3f} x"


def _mcp(figures: Mapping[str, Any]) -> list[str]:
    works, answers, peers = figures["works"], figures["answers"], figures["peers"]
    sdk, fastmcp = peers.get("mcp", "-"), peers.get("fastmcp", "-")
    forge = peers.get("mcp-contextforge-gateway", "-")
    call = works["tools/call, 8 tools"]
    times = "; ".join(
        f"{by['toolgate']['p50_ms']:.2f} ms and {by['toolgate']['p99_ms']:.2f} ms at {connections}"
        for connections, by in call.items()
    )
    return [
        "",
        "Beside other MCP servers before the same platform, its CPU per request at 16 connections:",
        "",
        "| Work | CPU per request | of bare Starlette | of the SDK | of FastMCP | of ContextForge |",
        "|---|---:|---:|---:|---:|---:|",
        *(_peers(work, by["16"]) for work, by in works.items()),
        "",
        "The platform has 20 operations, or 1,000. Toolgate shows the former by its eight tools and the latter as a",
        f"tool each, {_tools(answers, 'toolgate', '1,000')} to a page; the SDK's low-level server has the same tools.",
        f"FastMCP (`from_openapi`) and ContextForge make a tool of each operation: their lists have "
        f"{_tools(answers, 'fastmcp', '8')} and {_tools(answers, 'contextforge', '8')}, "
        f"and {_tools(answers, 'fastmcp', '1,000')} and {_tools(answers, 'contextforge', '1,000')}.",
        "Only Toolgate has its record on disk before it answers; of a proxy that does too, its CPU for `tools/call`",
        f"is {_ratio(call['16']['toolgate'], call['16'].get('starlette, recording'))}.",
        f"Its p50 and p99 for `tools/call`, by the number of connections: {times}.",
        *_missing(figures),
        "",
        f"Measured on {figures['date']} by `{figures['command']}`:",
        f"{figures['machine']}; mcp {sdk}, FastMCP {fastmcp}, ContextForge {forge}, one worker each, in turns.",
    ]


def _peers(work: str, by: Mapping[str, Any]) -> str:
    method, _, size = work.partition(", ")
    ours = by["toolgate"]
    ratios = (_ratio(ours, by.get(name)) for name in ("starlette", "sdk", "fastmcp", "contextforge"))
    return f"| `{method}`, {size} | {ours['cpu_us']:,.0f} µs | {' | '.join(ratios)} |"


def _tools(answers: Mapping[str, Any], name: str, size: str) -> str:
    found = answers[f"tools/list, {size} tools"].get(name)
    return "none" if found is None or "failed" in found else f"{found['tools']:,}"


def _missing(figures: Mapping[str, Any]) -> list[str]:
    """A sentence for each peer that could not be measured, wholly or in part."""
    said = [f"{name} is left out: {why}." for name, why in figures["absent"].items()]
    for work, by in figures["works"].items():
        for connections, cells in by.items():
            said += [
                f"{name} could not do {work} at {connections} connections: {row['failed']}."
                for name, row in cells.items()
                if "failed" in row
            ]
    return said


def _search(figures: Mapping[str, Any]) -> str:
    cost = figures["cost"]
    return f"\nA search over {cost['actions']:,} actions: {cost['p50_ms']:.1f} ms, p99 {cost['p99_ms']:.1f} ms."


def _audit(figures: Mapping[str, Any]) -> list[str]:
    rows, calls, many = figures["rows"], figures["calls"], figures["many"]
    durable, behind = calls["durable"], calls["behind"]
    cells = {way: " | ".join(f"{by[way]['cpu_us']:.0f} µs" for by in rows.values()) for way in _AUDIT_ROWS}
    return [
        "",
        "| CPU of an audit row, on disk before its writer goes on | one at a time | 16 at once | 256 at once |",
        "|---|---:|---:|---:|",
        *(f"| {title} | {cells[way]} |" for way, title in _AUDIT_ROWS.items()),
        "",
        f"Its hash and seal alone: {figures['link_us']:.1f} µs. `tools/call` takes {durable['cpu_us']:.0f} µs of CPU "
        f"with its row durable, {behind['cpu_us']:.0f} µs",
        f"with `TOOLGATE_AUDIT=behind`; p50 {durable['p50_ms']:.1f} ms and {behind['p50_ms']:.1f} ms.",
        f"A trail of {many['rows']:,} rows is taken into the chain by the upgrade in {many['migrate_s']:.0f} s, "
        f"verified in {many['verify_s']:.1f} s,",
        f"and asked for 100 of its rows in {max(_indexed(many)):.1f} ms; what a filter cannot find is given up after "
        f"{many['page_ms']['nothing fits']:.0f} ms, with a cursor.",
        f"Measured on {figures['date']} by `{figures['command']}`: {figures['machine']}; Python {figures['python']}.",
    ]


def _indexed(many: Mapping[str, Any]) -> list[float]:
    return [spent for asked, spent in many["page_ms"].items() if asked != "nothing fits"]


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


def _storm(figures: Mapping[str, Any]) -> list[str]:
    alone, resident = figures["alone"], figures["resident_mib"]
    return [
        "",
        f"A healthy connector is called {figures['rate']:g} times a second while {figures['connections']} callers "
        "storm another one,",
        f"which misbehaves, and call again {figures['pause_s'] * 1000:g} ms after each answer. Alone it has a p50 of "
        f"{alone['p50_ms']:.1f} ms and a p99 of {alone['p99_ms']:.1f} ms,",
        "the medians of measurements before each storm. Under the storm:",
        "",
        "| The other platform | by another account: p50 | p99 | by the same account: p50 | p99 | calls that failed |",
        "|---|---:|---:|---:|---:|---:|",
        *(_storm_row(name, by, alone) for name, by in figures["storms"].items()),
        "",
        f"Resident: {resident['before']:.0f} MiB before, {resident['after']:.0f} MiB after.",
        f"Measured on {figures['date']} by `{figures['command']}`: {figures['machine']}; Python {figures['python']}.",
    ]


def _storm_row(name: str, by: Mapping[str, Any], alone: Mapping[str, float]) -> str:
    cells = [by[who] for who in ("another account", "the same account")]
    shown = [f"{cell[key]:.1f} ms ({cell[key] / alone[key]:.1f} x)" for cell in cells for key in ("p50_ms", "p99_ms")]
    return f"| {_STORMS[name]} | {' | '.join(shown)} | {sum(cell['failed'] for cell in cells)} |"


def _document(name: str, document: Mapping[str, Any]) -> str:
    size = f"{document['bytes'] / 1_000_000:.0f} MB, {document['operations']:,} operations"
    return f"{_DOCUMENTS[name]}: {size}"


def main() -> None:
    README.write_text(written(README.read_text()))


if __name__ == "__main__":
    main()
