"""What the base model is taught: conversations about pictures, policies in context, and skills with plain text."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trimpi.models.nano.pictures import Picture, PictureLibrary
from trimpi.policies import Policy
from trimpi.rendering.prompts import (
    DEFAULT_INSTRUCTION,
    POLICY_SEPARATOR,
    QUESTION_INSTRUCTION,
    as_update,
    join_texts,
)
from trimpi.rewards.response import write_response
from trimpi.tasks.clevr.crops import SHOWN_ATTRIBUTES, SHOWN_SHARE
from trimpi.tasks.clevr.policy_text import sample_name, write_cot, write_policy, write_request
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, decisions, sample_tree, walk
from trimpi.tasks.skills.scene_questions import ask
from trimpi.tasks.skills.text_skills import SKILL_WEIGHTS, TEXT_SKILLS
from trimpi.types import ImagePart, Message, Part

QUESTIONS_PER_PICTURE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A conversation; its image parts name entries of `pictures`. Every assistant turn is to be learned."""

    kind: str
    messages: tuple[Message, ...]
    pictures: Mapping[Path, Picture] = field(default_factory=dict)
    repeats: bool = False
    """Whether answers repeat words of what they answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonPolicy:
    """A freshly sampled policy, with the crops that variant M shows."""

    name: str
    tree: Decision
    policy: Policy
    crops: Mapping[Path, Picture]

    @property
    def shown(self) -> frozenset[str]:
        """Ids of the conditions whose value is shown by a crop."""
        return frozenset(path.name for path in self.crops)


def question_lesson(rng: random.Random, library: PictureLibrary) -> Lesson:
    """Several questions about one picture."""
    picture, path = _any_picture(rng, library), Path("scene")
    turns: list[Message] = []
    for index in range(QUESTIONS_PER_PICTURE):
        question, answer = ask(rng, _scene(picture))
        asked: tuple[Part, ...] = (question,) if index else (ImagePart(path=path), question)
        turns += [Message(role="user", parts=asked), Message(role="assistant", parts=(answer,))]
    return Lesson(kind="question", messages=(_system(QUESTION_INSTRUCTION), *turns), pictures={path: picture})


def single_question_lesson(
    rng: random.Random, library: PictureLibrary, asker: Callable[[random.Random, Scene], tuple[str, str]]
) -> Lesson:
    """One question of one kind about one picture: for measuring."""
    picture, path = _any_picture(rng, library), Path("scene")
    question, answer = asker(rng, _scene(picture))
    turns = (
        Message(role="user", parts=(ImagePart(path=path), question)),
        Message(role="assistant", parts=(answer,)),
    )
    return Lesson(kind="question", messages=(_system(QUESTION_INSTRUCTION), *turns), pictures={path: picture})


def crop_lesson(rng: random.Random, library: PictureLibrary) -> Lesson:
    """What several crops show, one attribute each: the eyes of variant M."""
    turns: list[Message] = []
    pictures: dict[Path, Picture] = {}
    for index in range(6):
        path, attribute = Path(f"crop{index}"), rng.choice(SHOWN_ATTRIBUTES)
        pictures[path] = library.crop(rng)
        question = f"Which {attribute} does the image show?"
        answer = f"The image shows {pictures[path].objects[0].attributes[attribute]}."
        turns.append(Message(role="user", parts=(ImagePart(path=path), question)))
        turns.append(Message(role="assistant", parts=(answer,)))
    return Lesson(kind="crop", messages=(_system(QUESTION_INSTRUCTION), *turns), pictures=pictures)


def text_lesson(rng: random.Random, library: PictureLibrary) -> Lesson:
    """Skills that need no picture, several in one conversation."""
    turns: list[Message] = []
    for skill in rng.choices(list(TEXT_SKILLS.values()), weights=SKILL_WEIGHTS, k=6):
        question, answer = skill(rng)
        turns += [Message(role="user", parts=(question,)), Message(role="assistant", parts=(answer,))]
    return Lesson(kind="text", messages=(_system(QUESTION_INSTRUCTION), *turns), repeats=True)


def single_skill_lesson(rng: random.Random, library: PictureLibrary, skill: str) -> Lesson:
    """One question for one skill that needs no picture: for measuring."""
    question, answer = TEXT_SKILLS[skill](rng)
    turns = (Message(role="user", parts=(question,)), Message(role="assistant", parts=(answer,)))
    return Lesson(kind=skill, messages=(_system(QUESTION_INSTRUCTION), *turns), repeats=True)


def policy_lesson(rng: random.Random, library: PictureLibrary, *, layers: int, variant: str, requests: int) -> Lesson:
    """A policy never seen before, in context, followed on several pictures with its chain of thought."""
    subject = sample_policy(rng, library, layers=layers, variant=variant)
    turns, pictures = _requests(rng, library, subject, requests)
    system = _system(DEFAULT_INSTRUCTION, POLICY_SEPARATOR, *subject.policy.sections)
    return Lesson(kind=f"policy_{variant}{layers}", messages=(system, *turns), pictures={**subject.crops, **pictures})


def override_lesson(rng: random.Random, library: PictureLibrary) -> Lesson:
    """Two policies of one name in context: the later one is the update, and is followed."""
    layers = rng.choice((1, 2))
    old = sample_policy(rng, library, layers=layers, variant="T")
    new = sample_policy(rng, library, layers=layers, variant="T", name=old.name)
    turns, pictures = _requests(rng, library, new, 2)
    sections = [*old.policy.sections, POLICY_SEPARATOR, *as_update(new.policy).sections]
    system = _system(DEFAULT_INSTRUCTION, POLICY_SEPARATOR, *sections)
    return Lesson(kind="override", messages=(system, *turns), pictures=pictures)


def recitation_lesson(rng: random.Random, library: PictureLibrary, *, layers: int) -> Lesson:
    """Sections of a policy in context, asked for by id: finding the place is half of following."""
    subject = sample_policy(rng, library, layers=layers, variant="T")
    sections = dict(_sections_by_id(subject.policy.text))
    turns: list[Message] = []
    for id in rng.sample(sorted(sections), k=min(4, len(sections))):
        question = f"Policy {subject.name}: what does Condition {id} say?"
        answer = f"Condition {id}\n{sections[id]}"
        turns += [Message(role="user", parts=(question,)), Message(role="assistant", parts=(answer,))]
    system = _system(QUESTION_INSTRUCTION, POLICY_SEPARATOR, *subject.policy.sections)
    return Lesson(kind="recitation", messages=(system, *turns), repeats=True)


def sample_policy(
    rng: random.Random, library: PictureLibrary, *, layers: int, variant: str, name: str | None = None
) -> LessonPolicy:
    """A policy that nobody has seen; in variant M with crops from the library."""
    name, tree = name or sample_name(layers, rng), sample_tree(layers, rng)
    crops: dict[Path, Picture] = {}
    if variant == "M":
        for decision in decisions(tree):
            if decision.attribute in SHOWN_ATTRIBUTES and rng.random() < SHOWN_SHARE:
                crops[Path(decision.id)] = library.crop(rng, {decision.attribute: decision.value})
    policy = write_policy(name, tree, {path.name: path for path in crops})
    return LessonPolicy(name=name, tree=tree, policy=policy, crops=crops)


def _requests(
    rng: random.Random, library: PictureLibrary, subject: LessonPolicy, count: int
) -> tuple[list[Message], dict[Path, Picture]]:
    turns: list[Message] = []
    pictures: dict[Path, Picture] = {}
    for index in range(count):
        path = Path(f"scene{index}")
        pictures[path] = _any_picture(rng, library)
        steps, response = walk(subject.tree, _scene(pictures[path]))
        request = (ImagePart(path=path), write_request(subject.name))
        answer = write_response(write_cot(steps, response, subject.shown), response)
        turns += [Message(role="user", parts=request), Message(role="assistant", parts=(answer,))]
    return turns, pictures


def _sections_by_id(text: str) -> Sequence[tuple[str, str]]:
    blocks = text.split("## Condition ")[1:]
    return [(id, body.strip()) for id, _, body in (block.partition("\n") for block in blocks)]


def _any_picture(rng: random.Random, library: PictureLibrary) -> Picture:
    return library.picture(rng.randrange(len(library)), mirrored=rng.random() < 0.5)


def _scene(picture: Picture) -> Scene:
    return Scene(id="", image=Path(), objects=picture.objects)


def _system(*parts: Part) -> Message:
    return Message(role="system", parts=join_texts(parts))
