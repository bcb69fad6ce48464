"""Passages of a policy, and which of them are found for a request."""

from __future__ import annotations

from pathlib import Path

from evaluation.fake_evaluation import SquareTask
from trimpi.evaluation.question import SuiteSource
from trimpi.evaluation.retrieval import TOP_SECTIONS, retrieval_questions, retriever
from trimpi.evaluation.words import words_of
from trimpi.policies import Policy
from trimpi.policies.passages import reduced, split_policy
from trimpi.types import ImagePart

CROP = ImagePart(path=Path("crop.png"))
TOOLS = Policy(
    name="Tools",
    sections=(
        "# Tools\nThese are the tools.\n## Plot\nDraws a chart of numbers.\n## OCR\nReads text off an image, such as ",
        CROP,
        ".\n## Solver\nSolves an equation of numbers.\n",
    ),
)


def test_a_policy_is_cut_at_its_headings_and_loses_nothing() -> None:
    opening, passages = split_policy(TOOLS)
    assert opening == ("# Tools\nThese are the tools.\n",)
    assert passages == [
        ("## Plot\nDraws a chart of numbers.\n",),
        ("## OCR\nReads text off an image, such as ", CROP, ".\n"),
        ("## Solver\nSolves an equation of numbers.\n",),
    ]
    assert reduced(TOOLS, opening, passages) == TOOLS


def test_a_heading_is_one_at_the_start_of_a_line_below_level_one() -> None:
    policy = Policy(name="P", sections=("No # here\n# nor here\n## but here",))
    assert split_policy(policy) == (("No # here\n# nor here\n",), [("## but here",)])
    assert split_policy(Policy(name="P", sections=("## First",))) == ((), [("## First",)])


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert words_of("Condition 1.2: Is it (L3-Surinu)? Don't!") == [
        "condition",
        "1.2",
        "is",
        "it",
        "l3-surinu",
        "don't",
    ]


def test_the_sections_that_share_rare_words_are_found_with_their_images_in_the_policys_order() -> None:
    found = retriever(TOOLS, 1)("What does the image say?")
    assert found.sections == ("# Tools\nThese are the tools.\n## OCR\nReads text off an image, such as ", CROP, ".\n")
    assert "Plot" not in retriever(TOOLS, 2)("Solves the image").text
    assert retriever(TOOLS, 2)("solver, ocr").text.index("OCR") < retriever(TOOLS, 2)("solver, ocr").text.index(
        "Solver"
    )


def test_of_equally_good_sections_the_first_are_taken() -> None:
    for text in ("xyz", "?", ""):
        assert "Plot" in retriever(TOOLS, 1)(text).text


def test_a_policy_with_no_more_sections_than_fit_stays_whole(tmp_path: Path) -> None:
    assert retriever(TOOLS, 3)("image") == TOOLS
    questions = retrieval_questions(SuiteSource(task=SquareTask(tmp_path), seed=0))
    assert [question.policy.name for question in questions if question.policy] == ["A", "B", "A", "B"]
    assert TOP_SECTIONS < 7, "else a policy of three layers is there whole"
