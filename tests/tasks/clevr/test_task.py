"""ClevrPolicy as a task, on scenes rendered once for this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from trimpi.errors import DataError
from trimpi.policies import load_policy, save_policy
from trimpi.recipe import ClevrTaskConfig
from trimpi.rewards.response import write_response
from trimpi.tasks.clevr import rendered
from trimpi.tasks.clevr.task import ClevrTask
from trimpi.tasks.clevr.tree import decisions, walk
from trimpi.types import Completion, Example, ImagePart


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


def make_task(cache_dir: Path, *, variant: str = "T", seed: int = 3) -> ClevrTask:
    config = ClevrTaskConfig(
        variant=variant,
        layers=2,
        policies=2,
        train_examples_per_policy=5,
        test_examples_per_policy=2,  # type: ignore[arg-type]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "SHARD", 14)
        return ClevrTask(config, seed=seed, cache_dir=cache_dir)


def test_validates(cache_dir: Path) -> None:
    make_task(cache_dir).validate()
    make_task(cache_dir, variant="M").validate()


def test_train_and_test_share_no_picture(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    train, test = (
        {image for example in task.examples(split) for image in example.images} for split in ("train", "test")
    )
    assert len(train) == 10
    assert len(test) == 4
    assert not train & test


def test_another_seed_has_scenes_of_its_own_and_none_that_the_base_model_learned_from(tmp_path: Path) -> None:
    def folder(task: ClevrTask) -> str:
        return task.examples("test")[0].images[0].parents[1].name

    assert folder(make_task(tmp_path, seed=4)) == "scenes-v1-seed4-3to6"
    assert folder(make_task(tmp_path, seed=rendered.TAUGHT_SEED)) == "scenes-v1-seed1000001-3to6"


def test_policies_take_turns(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    first, second = task.policies
    assert [example.policy_name for example in task.examples("train")[:4]] == [first, second, first, second]


def test_gold_answers_come_from_the_tree(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    scenes = {scene.id: scene for scene in task._scenes}
    for example in task.examples("test"):
        steps, response = walk(task.trees[example.policy_name], scenes[example.meta["scene"]])
        assert example.answer == response
        assert example.meta["sections"] == [step.decision.id for step in steps]
        assert all(f"Condition {id}:" in (example.cot or "") for id in example.meta["sections"])


def test_same_seed_same_task_other_seed_other_policies(cache_dir: Path) -> None:
    hashes = [
        [policy.content_hash for policy in make_task(cache_dir, seed=seed).policies.values()] for seed in (3, 3, 4)
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_override_keeps_names_and_requests_and_changes_the_policy(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    updated = task.override()
    assert list(updated.policies) == list(task.policies)
    assert all(updated.policies[name].content_hash != policy.content_hash for name, policy in task.policies.items())
    assert [(e.id, e.prompt, e.images) for e in updated.examples("test")] == [
        (e.id, e.prompt, e.images) for e in task.examples("test")
    ]
    updated.validate()


@pytest.mark.parametrize("variant", ["T", "M"])
def test_edits_are_of_growing_size_and_keep_the_requests(cache_dir: Path, variant: str) -> None:
    task = make_task(cache_dir, variant=variant)
    edits = task.edits()
    assert list(edits) == ["one condition", "one subtree", "everything"]
    for name, policy in task.policies.items():
        before = {decision.id: decision.value for decision in decisions(task.trees[name])}
        one = {decision.id: decision.value for decision in decisions(edits["one condition"].trees[name])}
        assert [id for id in before if before[id] != one[id]] != []
        assert len([id for id in before if before[id] != one[id]]) == 1
        assert edits["one subtree"].trees[name].sought == task.trees[name].sought
        assert all(edited.policies[name].content_hash != policy.content_hash for edited in edits.values())
    for edited in edits.values():
        edited.validate()
        assert [(e.id, e.prompt, e.images) for e in edited.examples("test")] == [
            (e.id, e.prompt, e.images) for e in task.examples("test")
        ]
    assert edits["everything"].policies == task.override().policies


def test_an_edit_in_variant_m_keeps_the_crops_of_what_it_leaves(cache_dir: Path) -> None:
    for seed in range(4):
        task = make_task(cache_dir, variant="M", seed=seed)
        for name, policy in task.edits()["one condition"]._policies.items():
            before = task._policies[name]
            assert policy.shown == before.shown
            edited = {decision.id: decision.value for decision in decisions(policy.tree)}
            for decision in decisions(before.tree):
                if decision.id in before.shown:
                    kept = policy.crops[decision.id] == before.crops[decision.id]
                    assert kept == (edited[decision.id] == decision.value)


def test_unseen_policies_have_other_names_and_the_same_pictures(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    unseen = task.unseen()
    unseen.validate()
    assert not set(unseen.policies) & set(task.policies)
    assert len(unseen.policies) == len(task.policies)
    assert [e.images for e in unseen.examples("test")] == [e.images for e in task.examples("test")]
    for example in unseen.examples("test"):
        asked = unseen.unnamed(example)
        assert not any(name in asked.prompt for name in (*task.policies, *unseen.policies))
        assert (asked.id, asked.answer, asked.images) == (example.id, example.answer, example.images)


def test_variant_m_shows_some_values_by_crop_from_training_pictures(cache_dir: Path, tmp_path: Path) -> None:
    task = make_task(cache_dir, variant="M")
    images = [image for policy in task.policies.values() for image in policy.images]
    assert images
    policy = next(policy for policy in task.policies.values() if policy.images)
    assert any(isinstance(section, ImagePart) for section in policy.sections)
    assert load_policy(save_policy(policy, tmp_path)).content_hash == policy.content_hash


class _WrongGold(ClevrTask):
    def examples(self, split: str) -> tuple[Example, ...]:  # type: ignore[override]
        return tuple(
            replace(example, answer="Case 99") if split == "test" else example for example in super().examples(split)
        )

    def score(self, example: Example, completion: Completion):  # type: ignore[no-untyped-def]
        return super().score(replace(example, answer="Case 1"), completion)


def test_a_gold_answer_that_does_not_score_is_named(cache_dir: Path) -> None:
    make_task(cache_dir)
    config: Mapping[str, object] = {
        "layers": 2,
        "policies": 2,
        "train_examples_per_policy": 5,
        "test_examples_per_policy": 2,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "SHARD", 14)
        broken = _WrongGold(ClevrTaskConfig.model_validate(config), seed=3, cache_dir=cache_dir)
    with pytest.raises(DataError, match="gold answer"):
        broken.validate()


@pytest.mark.parametrize("variant", ["T", "M"])
def test_gold_reasoning_is_judged_flawless_and_cites_the_gold_sections(cache_dir: Path, variant: str) -> None:
    task = make_task(cache_dir, variant=variant)
    for tried in (task, task.override()):
        for example in (*tried.examples("train"), *tried.examples("test")):
            judgement = tried.judge(example, Completion(text=write_response(example.cot, example.answer), token_ids=()))
            assert judgement.score == 10
            assert list(judgement.cited) == example.meta["sections"]
            assert set(judgement.cited) <= set(tried.section_ids(example.policy_name))


def test_a_thought_that_was_cut_off_is_judged_as_far_as_it_goes(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    example = task.examples("test")[0]
    first = (example.cot or "").splitlines()[0]
    judgement = task.judge(example, Completion(text=f"<think>{first}", token_ids=(), truncated=True))
    assert [step.verdict for step in judgement.steps] == ["right", "wrong"]
    assert judgement.error == "format"


def test_an_answer_without_reasoning_scores_nothing(cache_dir: Path) -> None:
    task = make_task(cache_dir)
    example = task.examples("test")[0]
    judgement = task.judge(example, Completion(text=write_response(None, example.answer), token_ids=()))
    assert (judgement.score, judgement.error) == (0, "format")


def test_every_section_can_be_asked_for(cache_dir: Path) -> None:
    task = make_task(cache_dir, variant="M")
    recitations = task.recitations()
    assert len(recitations) == 6
    assert len({example.id for example in recitations}) == 6
    for example in recitations:
        assert (
            task.score_recitation(example, Completion(text=write_response("", example.answer), token_ids=())).value == 1
        )
    other = Completion(text=write_response("", recitations[1].answer), token_ids=())
    assert task.score_recitation(recitations[0], other).value < 1


class _WrongReasoning(ClevrTask):
    def examples(self, split: str) -> tuple[Example, ...]:  # type: ignore[override]
        return tuple(replace(example, cot="Condition 9: Is there a cube? No.") for example in super().examples(split))


def test_a_gold_chain_with_an_error_is_named(cache_dir: Path) -> None:
    config = ClevrTaskConfig(layers=2, policies=2, train_examples_per_policy=5, test_examples_per_policy=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "SHARD", 14)
        broken = _WrongReasoning(config, seed=3, cache_dir=cache_dir)
    with pytest.raises(DataError, match=r"Condition 9.*the policy has no Condition"):
        broken.validate()
