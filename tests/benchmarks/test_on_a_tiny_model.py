"""Every benchmark runs, at its smallest, on a tiny random model; what it counts is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.__main__ import main
from benchmarks.catalogue import BENCHMARKS
from benchmarks.memory import cost_of
from benchmarks.rows import Row
from benchmarks.subject import Subject, check_written, endless, requests
from benchmarks.trl_stock import chat

from benchmarks import inference, length, limits, loss, prompt, rollouts, step, vm_cpt
from tiny_task import ColorTask, save_tiny_model
from trimpi.errors import RunError

pytestmark = pytest.mark.slow
REPEATS = {"repeats": 1}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("subject")
    save_tiny_model(folder / "model")
    return Subject(
        model=str(folder / "model"), task_of=lambda layers, policies: ColorTask(folder / "images", examples=8)
    )


def measured(run: Callable[..., list[Row]], subject: Subject, sizes: Any) -> dict[tuple[str, str], Row]:
    """The rows by case and contestant, all of them measured."""
    rows = run(subject, sizes, lambda done, total: None)
    assert all(row.seconds and row.ratio and row.runs for row in rows)
    return {(row.case, row.contestant): row for row in rows}


def test_rollouts_with_and_without_the_policy_and_of_both(subject: Subject) -> None:
    rows = measured(
        rollouts.run, subject, rollouts.Sizes(prompts=2, samples=2, new_tokens=2, tokens=(0, 20), **REPEATS)
    )
    cases = list(dict.fromkeys(case for case, _ in rows))
    assert cases[0] == "all policy-free"
    assert len(cases) == 3
    assert len(rows) == 4 + 4 + 2


def test_a_step_is_measured_four_ways(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "PATIENCE", 0.0)  # one run of each
    sizes = step.Sizes(prompts=2, samples=2, new_tokens=2, tokens=(20,), rows_at_once=2, **REPEATS)
    assert [name for _, name in measured(step.run, subject, sizes)] == [
        step.PREFIX,
        step.PLAIN,
        step.STOCK,
        step.ON_TRL,
    ]


def test_packed_groups_encode_every_image_once(subject: Subject) -> None:
    rows = measured(loss.run, subject, loss.Sizes(prompts=2, samples=4, new_tokens=2, **REPEATS))
    encodings = {name: row.facts["image encodings"] for (_, name), row in rows.items()}
    assert encodings == {loss.PREFIX: 2, loss.PLAIN: 8}


def test_vm_cpt_is_measured_under_one_policy_and_under_two(subject: Subject) -> None:
    rows = measured(vm_cpt.run, subject, vm_cpt.Sizes(batch_size=4, **REPEATS))
    assert len(rows) == 4
    assert all(row.facts["examples/s"] == pytest.approx(4 / row.seconds) for row in rows.values() if row.seconds)


def test_the_prefix_engine_computes_a_policy_once_however_long(subject: Subject) -> None:
    sizes = length.Sizes(tokens=(100, 200), prompts=2, samples=2, new_tokens=2, **REPEATS)
    rows = list(measured(length.run, subject, sizes).values())
    computed = {(row.case, row.contestant): row.facts["computed tokens"] for row in rows}
    short, long = (case for case in dict.fromkeys(row.case for row in rows))
    assert computed[long, length.PREFIX] - computed[short, length.PREFIX] == 100
    assert computed[long, length.PLAIN] - computed[short, length.PLAIN] == 2 * 100
    assert all(row.facts["peak MB"] > 0 for row in rows)


def test_a_kept_policy_gives_the_same_answer_in_fewer_tokens(subject: Subject) -> None:
    rows = measured(inference.run, subject, inference.Sizes(layers=(1,), new_tokens=2, **REPEATS))
    assert len(rows) == 6
    renderer, model = subject.renderer(), subject.load()
    endless(renderer)
    desk = inference._Desk(model, renderer)
    task = subject.task_of(1, 1)
    asked, *others = [renderer.prompt(one, task.policy_of(one)) for one in requests(task, 3)]
    kept, inputs = desk.memory(others), desk._encoded([asked])
    whole, continued = (memory.prefill(inputs, [0]) for memory in (desk.memory(), kept))
    assert torch.equal(whole.last_positions, continued.last_positions)
    assert torch.equal(whole.last_tokens, continued.last_tokens)
    both = torch.cat([level.keys[-1] for level in continued.levels], dim=2)
    torch.testing.assert_close(both, whole.levels[0].keys[-1], atol=1e-5, rtol=1e-5)
    tokens = [
        cost_of(lambda memory=memory: memory.prefill(inputs, [0]), model).tokens for memory in (desk.memory(), kept)
    ]
    assert tokens[0] - tokens[1] == continued.levels[0].present.shape[1]


def test_a_prompt_costs_more_with_the_policy(subject: Subject) -> None:
    rows = measured(prompt.run, subject, prompt.Sizes(layers=(1,), requests=2, **REPEATS))
    free, aware = rows.values()
    assert aware.facts["prompt tokens"] > free.facts["prompt tokens"]


def test_the_shares_of_a_profile_add_up_to_the_whole(subject: Subject) -> None:
    rows = measured(limits.run, subject, limits.Sizes(prompts=2, samples=2, new_tokens=2, layers=1))
    for case in {case for case, _ in rows}:
        shares = [row.ratio for (of, name), row in rows.items() if of == case and name != limits.WHOLE]
        assert sum(share or 0 for share in shares) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::addmm", "matrix products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "fused attention"),
        ("aten::copy_", "copies"),
        ("aten::mul", limits.OTHER),
    ],
)
def test_operators_are_sorted_by_their_kind(operator: str, kind: str) -> None:
    assert limits.kind_of(operator) == kind


def test_trl_is_given_the_prompts_we_render(subject: Subject, tmp_path: Path) -> None:
    field = rollouts._Field(subject, rollouts.Sizes(prompts=2, samples=2, new_tokens=2), tmp_path)
    _, aware, _ = field.prompts(1)
    ids, _, _ = field._trl._tokenize_prompts([chat(prompt) for prompt in aware])
    assert ids == [field._renderer.prompt_ids(prompt) for prompt in aware]


def test_contestants_that_write_less_are_not_compared() -> None:
    with pytest.raises(RunError, match="would not compare"):
        check_written([[1, 2], [1]], rows=2, tokens=2)


def test_more_requests_than_there_are_cannot_be_asked(subject: Subject) -> None:
    with pytest.raises(RunError, match="5 train requests to one policy are wanted and the task has 4"):
        requests(subject.task_of(1, 1), 5)


def test_memory_counts_what_is_alive_at_once(subject: Subject) -> None:
    def work() -> None:
        for _ in range(3):
            torch.zeros(1000, dtype=torch.float64)
        one, other = torch.zeros(1000, dtype=torch.float64), torch.zeros(500, dtype=torch.float64)
        del one, other

    assert cost_of(work, subject.load()).peak_bytes == 12_000


def test_an_unknown_benchmark_is_answered_with_those_there_are() -> None:
    with pytest.raises(RunError, match="there is no benchmark nonsense: give any of prompt"):
        main(["nonsense"])


def test_every_benchmark_has_small_sizes_of_the_same_kind() -> None:
    assert all(type(benchmark.full) is type(benchmark.quick) for benchmark in BENCHMARKS.values())
    assert all(benchmark.full != benchmark.quick for benchmark in BENCHMARKS.values())
