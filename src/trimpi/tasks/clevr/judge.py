"""The exact judge of reasoning under ClevrPolicy: step by step against the tree and the scene (paper, Policy Referral).

A step has one verdict. What is looked at, in this order; the first that fails is the step's error:

1. `recall`: the section or response does not exist.
2. `branching`: it is not the one that was due. Condition 1 is due first, then whatever the tree gives for the verdict
   that the step before stated, right or wrong; nothing is due after a response.
3. `format`: the citation cannot be read ("Condition ID: question? Yes or No"); or the response is not the boxed answer.
4. `recall`: the question names other values than the section asks for, or an image's value that the section does not
   show, or leaves out one that it does.
5. `format`: the object described is not put into the ontology's words.
6. `perception`: the verdict on what the section asks for is wrong for the scene, or the object described is not in the
   scene or not what is asked for. A bare "Yes." that is true is right.

So a wrong step is judged onward along the path it takes, and an error is counted once, where it happens. A section that
does not exist stands for the one that was due; after a citation without a verdict either branch may follow. Reasoning
that states no response gets one more step for it, without text, of kind `format`; so does missing reasoning.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from trimpi.tasks.clevr.ontology import noun_phrase
from trimpi.tasks.clevr.reading import Citation, StatedResponse, asks_for, pieces, read_piece, values_in
from trimpi.tasks.clevr.scene import Scene
from trimpi.tasks.clevr.tree import Decision, Leaf, decisions, leaves, walk
from trimpi.tasks.judging import Fault, clip, conclude, judged, plain
from trimpi.types import JudgedStep, Judgement

Node = Decision | Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What steps are held against. `responses` are the leaves by their plain text; `answer` is plain text as well."""

    sections: Mapping[str, Decision]
    responses: Mapping[str, Leaf]
    shown: Container[str]
    scene: Scene
    answer: str | None


def judge_reasoning(
    reasoning: str | None, tree: Decision, shown: Container[str], scene: Scene, answer: str | None
) -> Judgement:
    """Judge a chain of thought against its policy's tree and its scene; the score is `judging.conclude`'s.

    `shown` are the ids of sections whose value an image shows, `answer` is what the completion boxed (None: nothing).
    Takes time linear in the text.
    """
    facts = _Facts(
        sections={decision.id: decision for decision in decisions(tree)},
        responses={plain(leaf.response): leaf for leaf in leaves(tree)},
        shown=shown,
        scene=scene,
        answer=None if answer is None else plain(answer),
    )
    steps: list[JudgedStep] = []
    due: Sequence[Node] = (tree,)
    answered = False
    for piece in pieces(reasoning or ""):
        match read_piece(piece):
            case Citation() as cited:
                steps.append(judged(piece, _fault_of_citation(cited, due, facts), section=cited.id))
                due = _due_after(cited, due, facts)
            case StatedResponse(response=response):
                steps.append(judged(piece, _fault_of_response(response, due, facts)))
                due, answered = (), True
            case None:
                steps.append(JudgedStep(text=piece, verdict="unread"))
    if not answered:
        steps.append(judged("", ("format", "it states no response" if steps else "there is no reasoning")))
    return conclude(steps, gold_steps=len(walk(tree, scene)[0]) + 1)


def _fault_of_citation(cited: Citation, due: Sequence[Node], facts: _Facts) -> Fault | None:
    if cited.id is None:
        return "format", "it names no section"
    decision = facts.sections.get(cited.id)
    if decision is None:
        return "recall", f"the policy has no Condition {clip(cited.id)}"
    if not any(decision is node for node in due):
        return "branching", _what_was_due(due)
    if cited.question is None:
        return "format", "it is not a question with Yes or No"
    return _misquoted(cited, decision, facts) or _misseen(cited, decision, facts.scene)


def _fault_of_response(response: str, due: Sequence[Node], facts: _Facts) -> Fault | None:
    leaf = facts.responses.get(response)
    if leaf is None:
        return "recall", f"the policy has no response {clip(response)}"
    if not any(leaf is node for node in due):
        return "branching", _what_was_due(due)
    if facts.answer is None:
        return "format", "nothing is boxed"
    if facts.answer != response:
        return "format", f"the boxed answer is {clip(facts.answer)}"
    return None


def _misquoted(cited: Citation, decision: Decision, facts: _Facts) -> Fault | None:
    value = decision.value if decision.id in facts.shown else None
    if cited.shown != value:
        return "recall", "the section shows no image" if value is None else f"its image shows {value}"
    if not asks_for(cited.question or "", decision, cited.shown):
        return "recall", f"the section asks for a {noun_phrase(decision.sought)}"
    return None


def _misseen(cited: Citation, decision: Decision, scene: Scene) -> Fault | None:
    sought, found = noun_phrase(decision.sought), scene.matching(decision.sought)
    if not cited.verdict:
        return ("perception", f"there is a {found[0].description}") if found else None
    described = values_in(cited.described)
    if described is None:
        return "format", f"{clip(cited.described)} is not an object in the policy's words"
    if not found:
        return "perception", f"there is no {sought}"
    if not any(described <= set(item.attributes.values()) for item in found):
        return "perception", f"{clip(cited.described)} is no {sought} of this image"
    return None


def _due_after(cited: Citation, due: Sequence[Node], facts: _Facts) -> Sequence[Node]:
    """The nodes of which one must come next."""
    decision = None if cited.id is None else facts.sections.get(cited.id)
    start = due if decision is None else (decision,)
    following: list[Node] = []
    for node in start:
        if isinstance(node, Decision):
            following += [node.yes] * (cited.verdict is not False) + [node.no] * (cited.verdict is not True)
    return following or due


def _what_was_due(due: Sequence[Node]) -> str:
    if not due:
        return "the response was already given"
    names = (f"Condition {node.id}" if isinstance(node, Decision) else f"the response {node.response}" for node in due)
    return f"{' or '.join(names)} was due"
