"""docs/outbound.md names a test for each fault, and each one exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "outbound.md").read_text()


def defined() -> set[str]:
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    return {name for source in sources for name in re.findall(r"^ *(?:async )?def (test_\w+)\(", source, re.MULTILINE)}


def test_each_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 30
    assert named <= defined()


def test_each_fault_has_a_test() -> None:
    table = PAGE.partition("## Each fault and its tests")[2]
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 15
    for fault, client, service in rows:
        assert "test_" in client + service, fault


def test_the_figures_are_those_of_the_code() -> None:
    from gateway.outbound import answers, client, hops, names, retries, room  # noqa: PLC0415 (what is quoted, in one place)
    from gateway.outbound.messages import MEBIBYTE, Request  # noqa: PLC0415 (as above)

    said = " ".join(PAGE.split())
    defaults = client.OutboundClient.__init__.__kwdefaults__
    assert f"{Request('GET', '').max_bytes // MEBIBYTE} MiB for an answer's body" in said
    assert f"{answers.MAX_FIELDS} fields and {answers.MAX_FIELD_BYTES // 1024} KiB" in said
    assert f"more than {room.LARGE // 1024} KiB {room.HELD} are held" in said
    assert f"{defaults['max_concurrency']} calls are under way" in said
    assert f"at most {defaults['per_host']} calls to each" in said
    assert f"may have {defaults['max_calls']} calls in all" in said
    assert f"{names.THREADS} threads" in said
    assert f"up to {retries._LONGEST:g} seconds" in said
    assert (hops.LIMIT, defaults["retries"], defaults["breaker_failures"], defaults["breaker_seconds"]) == (
        5,
        2,
        10,
        15,
    )
    assert f"connecting ({defaults['connect_timeout']:g} seconds at most)" in said
