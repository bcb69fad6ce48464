from pathlib import Path

import pytest
import yaml

from browser.chromium import WIDTHS, Browser
from reporting.fake_run import build_fake_run
from trimpi.reporting.compare import compare_runs
from trimpi.reporting.comparison_page import write_comparison_page


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of four layers and one of six."""
    folder = tmp_path_factory.mktemp("runs")
    runs = []
    for name, layers in (("a", 4), ("b", 4), ("c", 6)):
        run = build_fake_run(folder / name, n=40 if name == "c" else 60)
        recipe = yaml.safe_load((run / "recipe.yaml").read_text())
        recipe["task"]["layers"] = layers
        (run / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "name": name}))
        runs.append(run)
    write_comparison_page(compare_runs(runs), folder / "compare.html")
    return folder / "compare.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_is_one_accessible_page(
    browser: Browser, comparison: Path, axe: str, width: int, dark: bool
) -> None:
    browser.open(comparison, width=width, dark=dark)
    assert browser.violations(axe) == []
    assert browser.console() == [] and browser.requests() == [comparison.as_uri()]


def test_a_comparison_fits_a_phone(browser: Browser, comparison: Path) -> None:
    browser.open(comparison, width=360)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
