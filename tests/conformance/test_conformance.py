"""The official conformance suite against the running service, under both HTTP parsers: nothing fails unexplained."""

from pathlib import Path

import page
import pytest
import suite
from fixture_server import offered

PARSERS = ("httptools", "h11")


@pytest.fixture(scope="module", params=PARSERS)
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, suite.Report]:
    """Revision -> the report on it, all of one service."""
    folder = tmp_path_factory.mktemp("conformance")
    with offered(folder / "service", request.param) as (service, url):
        found = {revision: suite.run(url, revision, folder / revision) for revision in suite.REVISIONS}
        assert "Traceback" not in service.log()
    return found


@pytest.mark.parametrize("revision", suite.REVISIONS)
def test_what_a_revision_requires(
    reports: dict[str, suite.Report], revision: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    report, excused = reports[revision], suite.baseline(revision)
    with capsys.disabled():
        print(f"\n{request.node.name}\n" + report.output.partition("=== SUMMARY ===")[2])
    assert not report.not_excused(excused), report.output
    assert not report.stale(excused), "these are in the baseline and pass"
    assert report.exit_code == 0, report.output


def test_all_that_the_latest_revision_scores_is_passed(reports: dict[str, suite.Report]) -> None:
    report = reports["2026-07-28"]
    assert len(report.scored) == 37
    assert not any(report.failing(scenario) for scenario in report.scored)


def test_the_page_shows_the_figures_of_the_run(reports: dict[str, suite.Report]) -> None:
    figures = {revision: report.figures(suite.baseline(revision)) for revision, report in reports.items()}
    before = page.PAGE.read_text()
    after = page.written(before, suite.version(), figures)
    if after != before:
        page.PAGE.write_text(after)
    assert after == before, "docs/conformance.md showed other figures: it has been written anew, look and commit it"


def test_a_failure_that_is_in_no_baseline_is_found(reports: dict[str, suite.Report]) -> None:
    """And an entry that passes: the two ways in which a baseline can lie."""
    report = reports["2025-11-25"]
    assert "tools-call-sampling:tools-call-sampling" in report.not_excused({})
    assert report.stale({"ping": "", "nothing-of-this-name": "", "tools-call-sampling": ""}) == [
        "ping",
        "nothing-of-this-name",
    ]


def test_an_entry_without_a_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "2025-11-25.yaml").write_text("server:\n  - ping\n")
    monkeypatch.setattr(suite, "BASELINES", tmp_path)
    with pytest.raises(AssertionError, match="reason"):
        suite.baseline("2025-11-25")
