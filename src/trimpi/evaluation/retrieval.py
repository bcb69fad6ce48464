"""A baseline without training: in the prompt the sections of the policy that BM25 finds for the request. Torch-free."""

from __future__ import annotations

from collections.abc import Callable

from trimpi.evaluation.question import Question, SuiteSource, as_scored_by
from trimpi.evaluation.words import words_of
from trimpi.policies import Policy
from trimpi.policies.passages import reduced, split_policy, text_of

TOP_SECTIONS = 4
"""Sections that go into a prompt, besides what the policy opens with."""


def retrieval_questions(source: SuiteSource) -> list[Question]:
    """Every test request with the TOP_SECTIONS sections of its policy that share most with its text, in their order."""
    retrievers = {name: retriever(policy, TOP_SECTIONS) for name, policy in source.task.policies.items()}
    return [
        Question(
            id=request.id,
            example=request,
            score=as_scored_by(source.task, request),
            policy=retrievers[request.policy_name](request.prompt),
        )
        for request in source.requests
    ]


def retriever(policy: Policy, top: int) -> Callable[[str], Policy]:
    """From a request's text to the policy of its `top` best sections by BM25 (bm25s: k1 1.5, b 0.75, Lucene's IDF).

    Of equally good ones the earlier is taken. A section is found by its text, and brings its images.
    """
    from bm25s import BM25  # only here: suites are listed wherever a recipe is checked, and few have this one

    opening, passages = split_policy(policy)
    documents = [words_of(text_of(passage)) for passage in passages]
    if len(passages) <= top or not any(documents):
        return lambda text: policy
    index = BM25()
    index.index(documents, show_progress=False)

    def retrieve(text: str) -> Policy:
        words = words_of(text)
        scores = index.get_scores(words).tolist() if words else [0.0] * len(passages)
        best = sorted(range(len(passages)), key=lambda number: (-scores[number], number))[:top]
        return reduced(policy, opening, [passages[number] for number in sorted(best)])

    return retrieve
