from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tiny_models import tiny_model
from tiny_task import ColorTask
from trimpi.errors import DataError
from trimpi.evaluation import evaluate_suite
from trimpi.evaluation.forgetting import SKILLS, forgetting_questions, policy_free
from trimpi.evaluation.question import SuiteSource
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, QUESTION_INSTRUCTION
from trimpi.rendering.renderer import Renderer
from trimpi.rewards.response import write_response
from trimpi.sampling.local import LocalSampler
from trimpi.tasks.clevr import rendered
from trimpi.tasks.clevr.rendered import FORGETTING_SEED, TAUGHT_SEED, scene_seed
from trimpi.types import Completion

EACH = 3
POLICY_SKILLS = {"policy_T1", "policy_T2", "policy_T3"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the scenes rendered in one shard of just as many."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered, "SHARD", EACH)
        rendered.rendered_scenes(EACH, seed=FORGETTING_SEED, cache_dir=folder)
    return folder


@pytest.fixture
def source(cache: Path, tmp_path: Path) -> SuiteSource:
    return SuiteSource(task=ColorTask(tmp_path / "task"), seed=4, skill_examples=EACH, cache_dir=cache)


def test_every_skill_is_asked_equally_often(source: SuiteSource) -> None:
    questions = forgetting_questions(source)
    assert Counter(question.tags["skill"] for question in questions) == dict.fromkeys(SKILLS, EACH)
    assert len({question.id for question in questions}) == len(questions)


def test_questions_are_a_function_of_the_seed(source: SuiteSource, cache: Path) -> None:
    def asked(seed: int) -> list[tuple[str, str]]:
        other = SuiteSource(task=source.task, seed=seed, skill_examples=EACH, cache_dir=cache)
        return [(question.example.prompt, question.example.answer) for question in forgetting_questions(other)]

    assert asked(4) == asked(4) != asked(5)


def test_gold_answers_score_and_others_do_not(source: SuiteSource) -> None:
    for question in forgetting_questions(source):
        gold = question.example.answer
        if question.policy is not None:
            gold = write_response(question.example.cot, gold)
        assert question.score(Completion(text=gold, token_ids=(1,))).value == 1.0
        assert question.score(Completion(text="\\boxed{Case 99}", token_ids=(1,))).value == 0.0


def test_only_unseen_policies_stand_in_prompts(source: SuiteSource) -> None:
    questions = forgetting_questions(source)
    aware = [question for question in questions if question.policy is not None]
    assert {question.tags["skill"] for question in aware} == POLICY_SKILLS
    assert {question.instruction for question in aware} == {DEFAULT_INSTRUCTION}
    assert {question.instruction for question in policy_free(questions)} == {QUESTION_INSTRUCTION}
    assert len({question.policy.name for question in aware if question.policy}) == len(aware), (
        "each a policy of its own"
    )
    assert all(question.policy and question.policy.name in question.example.prompt for question in aware)


def test_scenes_are_files_of_a_seed_that_nothing_is_trained_on(source: SuiteSource) -> None:
    images = {image for question in forgetting_questions(source) for image in question.example.images}
    assert len(images) == EACH and all(image.is_file() for image in images)
    assert f"-seed{FORGETTING_SEED}-" in str(next(iter(images)))
    used = {scene_seed(seed) for seed in (0, TAUGHT_SEED, FORGETTING_SEED)}
    assert not used & {TAUGHT_SEED, FORGETTING_SEED}


def test_without_a_cache_there_is_nothing_to_look_at(source: SuiteSource) -> None:
    with pytest.raises(DataError, match="give the source a cache_dir"):
        forgetting_questions(SuiteSource(task=source.task, seed=4))


def test_any_model_can_be_asked(source: SuiteSource, cache: Path, tmp_path: Path) -> None:
    model, processor = tiny_model("idefics3")
    renderer = Renderer(processor)
    result = evaluate_suite(
        source.task,
        LocalSampler(model, renderer, batch_size=8),
        renderer,
        suite="forgetting",
        model="tiny",
        out_dir=tmp_path,
        max_new_tokens=2,
        skill_examples=1,
        cache_dir=cache,
    )
    assert {skill: count["n"] for skill, count in result.per_tag["skill"].items()} == dict.fromkeys(SKILLS, 1)
