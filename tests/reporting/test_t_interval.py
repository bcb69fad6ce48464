import pytest

from trimpi.reporting.t_interval import t_interval, t_quantile


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (9, 2.2622), (30, 2.0423)],
)
def test_quantiles_are_those_of_the_printed_tables(freedom: int, value: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-5)


def test_the_median_is_zero() -> None:
    assert t_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-9)


def test_the_interval_of_three_runs_by_hand() -> None:
    # Mean 0.8, standard deviation 0.1, t 4.3027: 4.3027 * 0.1 / sqrt(3) = 0.24842.
    low, high = t_interval([0.7, 0.8, 0.9]) or (0, 0)
    assert (low, high) == (pytest.approx(0.55158, abs=1e-4), 1.0)


def test_equal_values_and_a_single_one_have_no_interval() -> None:
    assert t_interval([0.9, 0.9, 0.9]) is None
    assert t_interval([0.9]) is None


@pytest.mark.parametrize(("probability", "freedom"), [(0.4, 3), (1.0, 3), (0.975, 0)])
def test_what_has_no_quantile_is_refused(probability: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(probability, freedom)
