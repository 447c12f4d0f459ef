"""The pages say what there is: every setting, every command, every link."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

import spec
from gateway.cli import main
from gateway.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("variable", [item.metadata["variable"] for item in fields(Settings)])
def test_every_setting_is_documented(variable: str) -> None:
    assert f"| `{variable}` |" in (ROOT / "docs" / "settings.md").read_text()


def test_the_readme_counts_the_platforms_right() -> None:
    said = re.search(r"\*\*(\d+) platforms in the box", (ROOT / "README.md").read_text())
    assert said
    assert int(said[1]) == len(spec.connector_names())


def test_no_setting_is_invented() -> None:
    known = {item.metadata["variable"] for item in fields(Settings)}
    for page in PAGES:
        named = set(re.findall(r"`?(TOOLGATE_[A-Z_]+[A-Z])", page.read_text())) - {
            "TOOLGATE_JWT",
            "TOOLGATE_KEY",
            "TOOLGATE_TOKEN",
        }
        assert named <= known, page.name


def commands(group: click.Command, path: tuple[str, ...] = ("toolgate",)) -> list[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        return [found for name, command in group.commands.items() for found in commands(command, (*path, name))]
    return [(" ".join(path), group)]


@pytest.mark.parametrize(("path", "command"), commands(main), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    row = next((line for line in page.splitlines() if line.startswith((f"| `{path} ", f"| `{path}`"))), "")
    assert row, f"{path} has no row in docs/cli.md"
    for option in command.params:
        if isinstance(option, click.Option) and option.name != "data_dir":
            assert any(name in row for name in option.opts), f"{option.opts} is not in the row of {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


PROMISES = [ROOT / "SECURITY.md", ROOT / "docs" / "reliability.md"]


@pytest.mark.parametrize("page", PROMISES, ids=lambda page: page.name)
def test_a_promise_names_tests_that_there_are(page: Path) -> None:
    named = set(re.findall(r"tests/[\w/.-]+", page.read_text()))
    assert len(named) > 5
    for name in named:
        assert (ROOT / name.rstrip(".")).is_file(), name


@pytest.mark.parametrize("page", PROMISES, ids=lambda page: page.name)
def test_a_promise_says_who_holds_it(page: Path) -> None:
    """Every row of every table of promises has a test in it."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ") and line.count("|") >= 4]
    promised = [row for row in rows if not re.match(r"\| (promise|it breaks|version) \|", row)]
    assert promised
    for row in promised:
        assert "`tests/" in row, row


def test_every_fault_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    for test in (ROOT / "tests" / "faults").glob("test_*.py"):
        assert f"`tests/faults/{test.name}`" in page, test.name
