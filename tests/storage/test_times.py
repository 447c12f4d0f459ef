"""The one form of time, made of every form that RFC 3339 has."""

import pytest

from storage.times import now, of_date_time, of_epoch


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-11-23T16:40:00Z", "2026-11-23T16:40:00.000Z"),
        ("2026-11-23t16:40:00.1239z", "2026-11-23T16:40:00.123Z"),
        ("2026-11-23T16:40:00.123456789Z", "2026-11-23T16:40:00.123Z"),
        ("2026-11-23T16:40:00+05:30", "2026-11-23T11:10:00.000Z"),
        ("2026-11-23T16:40:00-00:00", "2026-11-23T16:40:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2017-01-01T05:29:60.5+05:30", "2017-01-01T00:00:00.000Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00+23:59", "0000-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_date_times(text: str, form: str) -> None:
    assert of_date_time(text) == form


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T12:00:00", "2026-01-01"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        of_date_time(text)


def test_all_have_one_form() -> None:
    assert of_epoch(1_795_452_000) == "2026-11-23T16:40:00.000Z"
    assert of_date_time(now()) <= now()
    assert len(now()) == len(of_epoch(0)) == 24
