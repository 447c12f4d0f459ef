"""README.md shows the committed results, and nothing else."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def load() -> ModuleType:
    """benchmarks.readme: the folder is no part of the package, so it is found by its path."""
    spec = importlib.util.spec_from_file_location("benchmarks_readme", ROOT / "benchmarks" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = load()


def test_the_readme_shows_the_committed_results() -> None:
    page = (ROOT / "README.md").read_text()
    assert page == readme.written(page), "run python -m benchmarks.readme"


def test_what_is_written_stays_as_it_is() -> None:
    once = readme.written("# Toolgate\n<!-- measurements -->\nold\n<!-- /measurements -->\nmore\n")
    assert once == readme.written(once)
    assert once.startswith("# Toolgate\n<!-- measurements -->\n")
    assert once.endswith("<!-- /measurements -->\nmore\n")
    assert "old" not in once


def test_without_results_nothing_is_claimed(tmp_path: Path) -> None:
    assert readme.measurements(tmp_path) == ""


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="measurements"):
        readme.written("# Toolgate\n")


def test_ratios_are_those_of_the_results(tmp_path: Path) -> None:
    row = {"cpu_us": 50.0, "requests_per_s": 18_000.0}
    other = {"cpu_us": 100.0, "requests_per_s": 9_000.0}
    works = {work: {"toolgate": row, "fastapi": other, "starlette": row} for work in ("get-server", "update-server")}
    works["tools/list"] = {"toolgate": row, "starlette": other}
    works["tools/call"] = {"toolgate": row, "starlette": other, "starlette, recording": row}
    figures = {
        "date": "2026-11-23",
        "machine": "a machine",
        "python": "3.11.7",
        "command": "python -m benchmarks.http",
        "packages": {"fastapi": "1", "starlette": "2", "uvicorn": "3"},
        "start": {"start_s": 0.5, "first_start_s": 0.7, "resident_mib": 99.6, "resident_after_mib": 104.2},
        "works": works,
    }
    (tmp_path / "http.json").write_text(json.dumps(figures))
    shown = readme.measurements(tmp_path)
    assert "| Get a server | 50 µs | 0.50 x | 1.00 x | 18,000 |" in shown
    assert "| `tools/list` | 50 µs |  | 0.50 x | 18,000 |" in shown
    assert "100 MiB, 104 MiB after the load" in shown


def mcp_results() -> dict[str, Any]:
    """The least that `mcp.json` holds, with a peer that could not start, and a work that another could not do."""
    ours = {"cpu_us": 60.0, "requests_per_s": 15_000.0, "p50_ms": 0.9, "p99_ms": 2.1}
    cells = {
        "toolgate": ours,
        "starlette": {**ours, "cpu_us": 40.0},
        "starlette, recording": {**ours, "cpu_us": 50.0},
        "sdk": {**ours, "cpu_us": 1200.0},
        "fastmcp": {"failed": "the load failed"},
    }
    works = {
        f"{method}, {size} tools": dict.fromkeys(("1", "16", "256"), cells)
        for size in ("8", "1,000")
        for method in ("tools/list", "tools/call")
    }
    answers = {work: {name: {"bytes": 5000, "tools": 8} for name in cells} for work in works}
    return {
        "date": "2026-11-23",
        "machine": "a machine",
        "command": "python -m benchmarks.mcp",
        "works": works,
        "answers": answers,
        "absent": {"contextforge": "pip could not install it"},
        "peers": {"mcp": "2.3.0", "fastmcp": "4.0.11"},
    }


def test_other_servers_are_compared_and_none_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").write_text(json.dumps(mcp_results()))
    shown = readme.measurements(tmp_path)
    assert "| `tools/list`, 8 tools | 60 µs | 1.50 x | 0.050 x |  |  |" in shown
    assert "its CPU for `tools/call`\nis 1.20 x." in shown
    assert "contextforge is left out: pip could not install it." in shown
    assert "fastmcp could not do tools/list, 8 tools at 256 connections: the load failed." in shown
    assert "0.90 ms and 2.10 ms at 256." in shown


def test_the_committed_comparison_is_whole() -> None:
    """Each work at each number of connections has Toolgate, the bare handler, and each peer or the reason why not."""
    path = ROOT / "benchmarks" / "results" / "mcp.json"
    figures = json.loads(path.read_text())
    assert set(figures["works"]) == set(mcp_results()["works"])
    for work, by in figures["works"].items():
        assert set(by) == {"1", "16", "256"}, work
        for connections, cells in by.items():
            assert "cpu_us" in cells["toolgate"], (work, connections)
            assert "cpu_us" in cells["starlette"], (work, connections)
            for name in ("sdk", "fastmcp", "contextforge"):
                assert name in cells or figures["absent"].get(name), (work, connections, name)
                assert name not in cells or "failed" in cells[name] or cells[name]["p99_ms"] >= cells[name]["p50_ms"]


def storm_results() -> dict[str, Any]:
    cell = {"p50_ms": 3.0, "p99_ms": 9.0, "failed": 1}
    return {
        "date": "2026-11-23",
        "machine": "a machine",
        "python": "3.11.7",
        "command": "python -m benchmarks.storm",
        "rate": 100.0,
        "connections": 64,
        "pause_s": 0.05,
        "alone": {"p50_ms": 2.0, "p99_ms": 6.0},
        "storms": {"black-hole": {"another account": cell, "the same account": {**cell, "failed": 0}}},
        "resident_mib": {"before": 130.0, "after": 140.4},
    }


def test_storms_are_shown_as_ratios(tmp_path: Path) -> None:
    (tmp_path / "storm.json").write_text(json.dumps(storm_results()))
    shown = readme.measurements(tmp_path)
    cells = "3.0 ms (1.5 x) | 9.0 ms (1.5 x)"
    assert f"| takes calls and never answers | {cells} | {cells} | 1 |" in shown
    assert "a p50 of 2.0 ms and a p99 of 6.0 ms" in shown
    assert "130 MiB before, 140 MiB after" in shown


def test_the_committed_storms_are_whole() -> None:
    figures = json.loads((ROOT / "benchmarks" / "results" / "storm.json").read_text())
    assert set(figures["storms"]) == set(readme._STORMS)
    for storm, by in figures["storms"].items():
        for who in ("another account", "the same account"):
            # A healthy call fails under no storm.
            assert by[who]["failed"] == 0, (storm, who)


def test_documents_and_the_start_are_those_of_the_results(tmp_path: Path) -> None:
    row = {"register_s": 0.534, "longest_wait_ms": 65.0, "resident_more_mib": 33.0, "peak_more_mib": 58.0}
    figures = {
        "date": "2026-11-23",
        "machine": "a machine",
        "python": "3.11.7",
        "package": "@octokit/openapi@1",
        "command": "python -m benchmarks.catalog",
        "documents": {"github": {"bytes": 13_001_822, "operations": 1223, "ways": {"body": row}}},
        "start": {"connectors": 39, "start_s": 1.234, "start_cpu_s": 0.987, "resident_mib": 115.0},
    }
    (tmp_path / "catalog.json").write_text(json.dumps(figures))
    shown = readme.measurements(tmp_path)
    assert "| GitHub's: 13 MB, 1,223 operations |" in shown
    assert "| 0.53 s | 65 ms | 33 MiB, 58 MiB |" in shown
    assert "with the 39 shipped connectors: 1.23 s (0.99 s of CPU), 115 MiB." in shown


def test_the_audit_trail_is_that_of_the_results(tmp_path: Path) -> None:
    ways = {"before": {"cpu_us": 8.2}, "unchained": {"cpu_us": 12.4}, "now": {"cpu_us": 16.4}}
    figures = {
        "date": "2026-11-23",
        "machine": "a machine",
        "python": "3.11.7",
        "command": "python -m benchmarks.audit",
        "rows": {"1": ways, "256": ways},
        "link_us": 1.96,
        "calls": {"durable": {"cpu_us": 420.0, "p50_ms": 5.2}, "behind": {"cpu_us": 390.0, "p50_ms": 4.1}},
        "many": {
            "rows": 1_000_000,
            "verify_s": 4.21,
            "migrate_s": 20.4,
            "page_ms": {"account": 1.2, "user": 2.3, "nothing fits": 88.0},
        },
    }
    (tmp_path / "audit.json").write_text(json.dumps(figures))
    shown = readme.measurements(tmp_path)
    assert "| in the chain | 16 µs | 16 µs |" in shown
    assert "Its hash and seal alone: 2.0 µs." in shown
    assert "A trail of 1,000,000 rows is taken into the chain by the upgrade in 20 s, verified in 4.2 s," in shown
    assert "100 of its rows in 2.3 ms; what a filter cannot find is given up after 88 ms" in shown
