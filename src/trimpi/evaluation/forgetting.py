"""What a model could do before it learned a policy, asked again: scenes, plain text, policies nobody has seen.

The questions are those that the base model in the package is taught with, but any vision-language model can be asked.
Torch-free.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from trimpi.errors import DataError
from trimpi.evaluation.question import Question, SuiteSource
from trimpi.policies import Policy
from trimpi.rendering.prompts import DEFAULT_INSTRUCTION, QUESTION_INSTRUCTION
from trimpi.rewards.response import write_response
from trimpi.tasks.clevr.policy_text import sample_name, write_cot, write_policy, write_request
from trimpi.tasks.clevr.rendered import FORGETTING_SEED, rendered_scenes
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import sample_tree, walk
from trimpi.tasks.skills.answers import score_answer
from trimpi.tasks.skills.scene_questions import SCENE_SKILLS
from trimpi.tasks.skills.text_skills import TEXT_SKILLS
from trimpi.types import Example

UNSEEN_LAYERS = (1, 2, 3)

SkillQuestion = Callable[[str, random.Random, Scene], Question]
"""A question of one skill from its id, about a scene where the skill is about scenes."""


def forgetting_questions(source: SuiteSource) -> list[Question]:
    """`source.skill_examples` questions of every skill, tagged with it; the same for every model of a seed.

    The number-th question of every skill that looks is about the same scene, so that images are encoded once. Raises
    DataError when the source has no cache to render scenes into.
    """
    if source.cache_dir is None:
        raise DataError("the suite 'forgetting' asks about rendered scenes: give the source a cache_dir for them")
    scenes = rendered_scenes(source.skill_examples, seed=FORGETTING_SEED, cache_dir=source.cache_dir)
    return [
        make(f"{skill}-{number:03d}", random.Random(f"{source.seed}-{skill}-{number}"), scene)
        for skill, make in SKILLS.items()
        for number, scene in enumerate(scenes)
    ]


def policy_free(questions: Sequence[Question]) -> list[Question]:
    """Those without a policy in the prompt: general prompts."""
    return [question for question in questions if question.policy is None]


def _scene_question(skill: str, id: str, rng: random.Random, scene: Scene) -> Question:
    prompt, gold = SCENE_SKILLS[skill](rng, scene)
    example = Example(id=id, policy_name=skill, prompt=prompt, images=(scene.image,), answer=gold)
    return _question(skill, example, gold, QUESTION_INSTRUCTION)


def _text_question(skill: str, id: str, rng: random.Random, scene: Scene) -> Question:
    prompt, gold = TEXT_SKILLS[skill](rng)
    example = Example(id=id, policy_name=skill, prompt=prompt, images=(), answer=gold)
    return _question(skill, example, gold, QUESTION_INSTRUCTION)


def _policy_question(layers: int, skill: str, id: str, rng: random.Random, scene: Scene) -> Question:
    """A freshly sampled policy stands in the prompt; only the response counts."""
    name, tree = sample_name(layers, rng), sample_tree(layers, rng)
    steps, response = walk(tree, scene)
    cot = write_cot(steps, response)
    example = Example(
        id=id, policy_name=skill, prompt=write_request(name), images=(scene.image,), answer=response, cot=cot
    )
    gold = write_response(cot, response)
    return _question(skill, example, gold, DEFAULT_INSTRUCTION, policy=write_policy(name, tree))


def _question(skill: str, example: Example, gold: str, instruction: str, *, policy: Policy | None = None) -> Question:
    """Examples are named after their skill where a policy's name would stand: a suite's majority is counted by it."""
    return Question(
        id=example.id,
        example=example,
        score=partial(score_answer, gold=gold),
        policy=policy,
        instruction=instruction,
        tags={"skill": skill},
    )


SKILLS: Mapping[str, SkillQuestion] = {
    **{skill: partial(_scene_question, skill) for skill in SCENE_SKILLS},
    **{skill: partial(_text_question, skill) for skill in TEXT_SKILLS},
    **{f"policy_T{layers}": partial(_policy_question, layers, f"policy_T{layers}") for layers in UNSEEN_LAYERS},
}
"""By the names that the base model's card gives its exams."""
