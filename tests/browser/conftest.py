"""Pages and a browser that the tests of this folder share; without Chromium or selenium they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from browser.chromium import Browser, axe_script, missing
from browser.hostile import make_hostile
from reporting.fake_run import build_fake_run
from reporting.fake_suites import build_fake_suites_run, write_suite
from trimpi.evaluation.results import load_records
from trimpi.reporting import write_report

HERE = Path(__file__).parent
COPIES = 42


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = Browser(tmp_path_factory.mktemp("profile"))
    yield chromium
    chromium.driver.quit()


@pytest.fixture(scope="session")
def axe() -> str:
    script = axe_script()
    if script is None:
        pytest.skip("axe is not installed: pip install 'trimpi[browser]'")
    return script


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every section: 4 models, 9 suites, and the paper's figures of this setting."""
    run = build_fake_suites_run(tmp_path_factory.mktemp("run"))
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("layers: 2", "layers: 6"))
    return write_report(run)


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_fake_suites_run(tmp_path_factory.mktemp("hostile"), n=12, evaluated=("base", "rl"))
    make_hostile(run)
    return write_report(run)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5,040 records: the same 60 requests of two models over and over, under other ids."""
    run = build_fake_run(tmp_path_factory.mktemp("large"), evaluated=("base", "rl"))
    for model in sorted((run / "eval").iterdir()):
        (model / "in_context.json").unlink()
        records = load_records(model / "accuracy.jsonl")
        copies = [
            replace(record, id=f"{record.id}-{copy}", request=f"{record.request} Copy {copy}.")
            for copy in range(COPIES)
            for record in records
        ]
        write_suite(model, "accuracy", copies)
    return write_report(run)
