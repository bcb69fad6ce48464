from dataclasses import replace

import pytest

from reporting.test_showcase import record
from trimpi.reporting.paired import difference_interval, paired_difference


def test_the_interval_of_a_difference_by_hand() -> None:
    # 5.5 and 15.5 of 102: difference 10 / 102 = 0.09804, error sqrt(21 - 100 / 102) / 102 = 0.04387, times 1.96.
    low, high = difference_interval(5, 15, 100)
    assert (low, high) == (pytest.approx(0.01206, abs=1e-4), pytest.approx(0.18402, abs=1e-4))


def test_models_that_never_differ_still_have_an_interval() -> None:
    low, high = difference_interval(0, 0, 30)
    assert -0.1 < low < 0 < high < 0.1


def test_pairs_are_counted_by_question_whatever_their_order() -> None:
    first = [record(number, outcome) for number, outcome in enumerate(("correct", "correct", "wrong", "truncated"))]
    second = [record(number, outcome) for number, outcome in enumerate(("correct", "wrong", "correct", "wrong"))]
    found = paired_difference(first, second[::-1])
    assert found is not None
    assert (found.n, found.both, found.only_first, found.only_second, found.neither) == (4, 1, 1, 1, 1)
    assert found.difference == 0.0 and found.p == 1.0


def test_other_questions_cannot_be_paired() -> None:
    records = [record(0, "correct"), record(1, "wrong")]
    assert paired_difference(records, records[:1]) is None
    assert paired_difference(records, [records[0], replace(records[1], gold="another")]) is None
    assert paired_difference([], []) is None
