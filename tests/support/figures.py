"""What a test measured: shown beside the result of the run, also where pytest swallows what tests print."""

from collections.abc import Callable
from typing import Any

import pytest

_NAME = "figures"


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Call it with a line: it is shown once all tests are over."""

    def note(line: str) -> None:
        print(line)
        record_property(_NAME, line)

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    lines = [
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == _NAME
    ]
    if lines:
        terminalreporter.section("figures")
    for nodeid, line in sorted(lines):
        terminalreporter.line(f"{nodeid.rpartition('/')[2]}: {line}")
