from pathlib import Path

import pytest

from browser.chromium import WIDTHS, Browser
from reporting.fake_sweep import build_fake_sweep
from trimpi.reporting.sweep_comparison import compare_sweeps
from trimpi.reporting.sweep_page import write_sweep_page

METHODS = {"grpo": 20, "sft": 10, "poro-grpo": 30, "gap-driven-least": 26}
"""How many of 40 requests each gets right."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps")
    answers = {
        (method, layers, seed): [number + seed < right for number in range(40)]
        for method, right in METHODS.items()
        for layers in ("3", "4")
        for seed in (0, 1, 2)
    }
    comparison = compare_sweeps([build_fake_sweep(folder / "sweep", answers)], baseline="grpo")
    write_sweep_page(comparison, folder / "sweep.html", name="methods")
    return folder / "sweep.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_sweep_is_one_accessible_page(browser: Browser, sweep: Path, axe: str, width: int, dark: bool) -> None:
    browser.open(sweep, width=width, dark=dark)
    assert browser.violations(axe) == []
    assert browser.console() == [] and browser.requests() == [sweep.as_uri()]


def test_a_sweep_fits_a_phone(browser: Browser, sweep: Path) -> None:
    browser.open(sweep, width=360)
    assert browser.run("return document.documentElement.scrollWidth") <= 360


def test_no_table_is_cut_off_on_a_desktop(browser: Browser, sweep: Path) -> None:
    browser.open(sweep, width=1200)
    cut = browser.run("return [...document.querySelectorAll('.scroll')].map(box => box.scrollWidth - box.clientWidth)")
    assert len(cut) == 9 and not any(cut)


def test_the_method_stays_where_a_table_is_scrolled(browser: Browser, sweep: Path) -> None:
    browser.open(sweep, width=390)
    left = browser.run(
        "const box = document.querySelector('#paired .scroll'); box.scrollLeft = 200;"
        "const left = name => box.querySelector(name).getBoundingClientRect().left - box.getBoundingClientRect().left;"
        "return [left('tbody th'), left('tbody td')]"
    )
    assert 0 <= left[0] < 2 and left[1] < 0
