from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from reporting.fake_run import build_fake_run
from trimpi.cli import app
from trimpi.errors import RunError
from trimpi.reporting.compare import compare_runs
from trimpi.reporting.comparison_page import paired_runs, write_comparison_page
from trimpi.reporting.complexity_figure import complexity_figure
from trimpi.reporting.run_directory import read_run


def run_with(folder: Path, *, n: int = 20, evaluated: Sequence[str] = ("base", "rl"), **task: Any) -> Path:
    run = build_fake_run(folder, n=n, evaluated=evaluated)
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["name"] = folder.name
    recipe["task"].update(task)
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return run


def page(runs: Sequence[Path], folder: Path) -> str:
    file = folder / "compare.html"
    write_comparison_page(compare_runs(runs), file)
    return file.read_text(encoding="utf-8")


def test_a_page_holds_the_table_the_paper_the_pairs_and_the_curve(tmp_path: Path) -> None:
    html = page([run_with(tmp_path / "a", layers=4), run_with(tmp_path / "b", layers=6)], tmp_path)
    for expected in (
        "Last policy-free",
        "ClevrPolicy-M, N = 4",
        "ClevrPolicy-M, N = 6",
        "McNemar",
        "Accuracy by complexity",
    ):
        assert expected in html
    assert "<script" not in html and "script-src" not in html


def test_the_same_page_comes_from_the_same_runs(tmp_path: Path) -> None:
    runs = [run_with(tmp_path / "a", layers=4), run_with(tmp_path / "b", layers=6)]
    assert page(runs, tmp_path) == page(runs, tmp_path)


def test_pairs_say_why_they_cannot_be_compared(tmp_path: Path) -> None:
    runs = [
        run_with(tmp_path / "a"),
        run_with(tmp_path / "b"),
        run_with(tmp_path / "c", n=10),
        run_with(tmp_path / "d", evaluated=("base",)),
    ]
    pairs = {(pair.first, pair.second): pair for pair in paired_runs([read_run(run) for run in runs])}
    assert len(pairs) == 6
    same = pairs["a", "b"].difference
    assert same is not None and (same.n, same.only_first, same.only_second, same.p) == (20, 0, 0, 1.0)
    assert pairs["a", "c"].difference is None and "same requests" in pairs["a", "c"].reason
    assert "not evaluated yet" in pairs["a", "d"].reason


def test_runs_of_one_complexity_have_no_curve(tmp_path: Path) -> None:
    runs = [read_run(run_with(tmp_path / name, layers=layers)) for name, layers in (("a", 2), ("b", 2), ("c", 4))]
    assert complexity_figure(runs[:2]) is None
    assert complexity_figure(runs) is not None


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    run = run_with(tmp_path / "a")
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe.update(name="<script>alert(1)</script>", model={"path": "</style><b>"})
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    html = page([run], tmp_path)
    assert "<script" not in html and "</style><b>" not in html and "&lt;script&gt;alert(1)" in html


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    runs = [str(run_with(tmp_path / name)) for name in ("a", "b")]
    done = CliRunner().invoke(app, ["compare", *runs, "--html", str(tmp_path / "out.html")])
    assert done.exit_code == 0 and f"page: {tmp_path / 'out.html'}" in done.output.replace("\n", "")
    assert (tmp_path / "out.html").is_file()


def test_a_folder_in_place_of_the_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        write_comparison_page(compare_runs([run_with(tmp_path / "a")]), tmp_path)
