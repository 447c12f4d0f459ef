"""Names that are too long or taken are made to fit, the same each time."""

from gateway.tools.naming import LONGEST_NAME, fitting


def test_a_name_that_fits_stays() -> None:
    assert fitting("a__b", {"other"}, "a", "b") == "a__b"
    assert fitting("x" * LONGEST_NAME, (), "x") == "x" * LONGEST_NAME


def test_others_carry_a_digest_of_what_they_name() -> None:
    long = "x" * 200
    names = {fitting(long, (), "x", str(number)) for number in range(50)}
    assert len(names) == 50
    assert all(len(name) == LONGEST_NAME for name in names)
    assert fitting("a", {"a"}, "one") != fitting("a", {"a"}, "two")
    assert fitting("a", {"a"}, "one") == fitting("a", {"a"}, "one")
