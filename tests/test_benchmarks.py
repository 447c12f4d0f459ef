"""README.md shows the committed results, and nothing else."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

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


def test_documents_are_those_of_the_results(tmp_path: Path) -> None:
    row = {
        "document_mb": 13.0,
        "operations": 1223,
        "register_s": 0.52,
        "register_cpu_s": 0.44,
        "register_peak_mib": 66.4,
        "first_list_s": 0.3,
        "resident_more_mib": 53.1,
    }
    start = {"connectors": 6, "start_s": 0.71, "resident_mib": 110.0}
    figures = {"date": "2026-11-23", "command": "python -m x", "github": row, "made up": row, "start": start}
    (tmp_path / "catalog.json").write_text(json.dumps(figures))
    shown = readme.measurements(tmp_path)
    assert "| GitHub's, 13 MB | 1,223 | 0.5 s | 0.4 s | 66 MiB | 53 MiB |" in shown
    assert "Start with the 6 shipped connectors: 0.7 s." in shown


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
