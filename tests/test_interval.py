import pytest

from trimpi.interval import mcnemar, mean_interval, normal_interval, wilson_interval


# Newcombe (1998), Statistics in Medicine 17, table I, method 3.
@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_equals_the_published_values(correct: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_interval_mirrors_when_right_and_wrong_are_swapped() -> None:
    low, high = wilson_interval(15, 148)
    assert wilson_interval(148 - 15, 148) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("n", [1, 7, 200, 10_000])
def test_all_wrong_starts_at_exactly_zero_and_all_right_ends_at_exactly_one(n: int) -> None:
    assert wilson_interval(0, n)[0] == 0.0 < wilson_interval(0, n)[1] < 1.0
    assert wilson_interval(n, n)[1] == 1.0 > wilson_interval(n, n)[0] > 0.0


def test_nothing_is_known_from_no_examples() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_more_correct_than_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="3 correct out of 2"):
        wilson_interval(3, 2)


def test_normal_interval_worked_out_by_hand() -> None:
    # Mean 4, standard deviation 2, so 1.96 * 2 / sqrt(3) on either side; scores are cut at 0 and 1.
    assert normal_interval([2.0, 4.0, 6.0]) == pytest.approx((4 - 2.2632, 4 + 2.2632), abs=1e-4)
    assert normal_interval([0.0, 0.0]) == (0.0, 0.0)
    assert mean_interval([0.25, 0.5, 0.75]) == pytest.approx((0.5 - 0.2829, 0.5 + 0.2829), abs=1e-4)
    assert mean_interval([0.1, 0.9]) == (0.0, 1.0)


def test_one_number_has_no_spread() -> None:
    with pytest.raises(ValueError, match="give two or more"):
        normal_interval([1.0])


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 5, 2 / 32),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_is_the_binomial_test_of_questions_that_one_model_alone_got_right(
    only_first: int, only_second: int, p: float
) -> None:
    assert mcnemar(only_first, only_second) == mcnemar(only_second, only_first) == pytest.approx(p)


def test_mcnemar_of_very_many_questions_is_still_a_probability() -> None:
    assert 0 <= mcnemar(3000, 1000) < 1e-200


def test_mcnemar_refuses_what_is_no_number_of_questions() -> None:
    with pytest.raises(ValueError, match="no numbers of questions"):
        mcnemar(-1, 3)
