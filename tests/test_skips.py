from __future__ import annotations

from _pytest.reports import TestReport

from skips import skip_lines


def skipped(reason: str) -> TestReport:
    return TestReport("test", ("test.py", 1, "test"), {}, "skipped", ("test.py", 1, f"Skipped: {reason}"), "setup")


def test_skipped_tests_are_counted_by_reason_the_commonest_first() -> None:
    assert list(skip_lines([skipped("no GPU"), skipped("no Chromium"), skipped("no Chromium")])) == [
        "2 skipped: no Chromium",
        "1 skipped: no GPU",
    ]


def test_nothing_is_said_where_nothing_was_skipped() -> None:
    assert list(skip_lines([])) == []
