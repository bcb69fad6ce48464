"""Texts compared: exactly, as one of several choices, by similarity, by a pattern."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from trimpi.errors import RecipeError
from trimpi.rewards.grade import Grade, Grader, right, wrong
from trimpi.rewards.similarity import TextSimilarity

PATTERN_SECONDS = 0.2
"""So long may a pattern look at one answer: one that goes back and forth for ever scores 0 and says so."""
PATTERN_CHARACTERS = 20_000
"""A longer answer is not matched at all."""


def grade_exact(answer: str, gold: str) -> Grade:
    """1 when the answers are equal up to white space and case."""
    return right() if plain(answer) == plain(gold) else wrong(f"expected {gold!r}")


def grade_choice(choices: Sequence[str]) -> Grader:
    """1 for the gold choice up to white space and case; an answer that is none of the choices is an error of its own.

    A leading letter or number of a choice ("B", "B)", "(b) Exchange") stands for it where the choices are so written.
    """
    known = {name: choice for choice in choices for name in _names(choice)}

    def named(text: str) -> str | None:
        return known.get(plain(text)) or known.get(plain(text).strip("().: "))

    def grade(answer: str, gold: str) -> Grade:
        chosen, wanted = named(answer), named(gold)
        if wanted is None:
            return wrong(f"the gold answer {gold!r} is none of the choices", "no_gold_choice")
        if chosen is None:
            return wrong(f"none of the choices {', '.join(map(repr, choices))}"[:300], "no_choice")
        return right() if chosen == wanted else wrong(f"chose {chosen!r}, expected {wanted!r}", "other_choice")

    return grade


def grade_similarity(similarity: TextSimilarity, least: float) -> Grader:
    """The similarity of the texts; from `least` on the answer is right."""

    def grade(answer: str, gold: str) -> Grade:
        value = similarity.score(answer, gold)
        parts = {"similarity": value}
        if value >= least:
            return Grade(value=1.0, reason=f"similarity {value:.3f}", parts=parts)
        return Grade(value=value, reason=f"similarity {value:.3f}, below {least:g} of {gold!r}", parts=parts)

    return grade


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """Raises RecipeError saying where the pattern is wrong."""
    try:
        return regex.compile(pattern)
    except regex.error as problem:
        raise RecipeError(f"the pattern {pattern!r} is no regular expression: {problem}") from None


def grade_pattern(pattern: str | None, *, ignore_case: bool) -> Grader:
    """1 when the whole answer matches: `pattern`, with "{gold}" in it standing for the gold answer's text; or, without
    a pattern, the gold answer itself read as one.

    A gold answer that is no regular expression matches nothing and says why. Takes PATTERN_SECONDS at most.
    """
    flags = regex.IGNORECASE if ignore_case else 0

    def grade(answer: str, gold: str) -> Grade:
        if len(answer) > PATTERN_CHARACTERS:
            return wrong(f"{len(answer)} characters, over {PATTERN_CHARACTERS}", "too_long")
        wanted = gold if pattern is None else pattern.replace("{gold}", regex.escape(gold, literal_spaces=True))
        try:
            found = regex.compile(wanted, flags).fullmatch(answer.strip(), timeout=PATTERN_SECONDS)
        except regex.error as problem:
            return wrong(f"the pattern {wanted!r} is no regular expression: {problem}", "no_pattern")
        except TimeoutError:
            return wrong(f"the pattern {wanted!r} took over {PATTERN_SECONDS} s", "pattern_timeout")
        return right() if found else wrong(f"does not match {wanted!r}")

    return grade


def plain(text: str) -> str:
    """One line in lower case."""
    return " ".join(text.split()).casefold()


def _names(choice: str) -> list[str]:
    """What stands for a choice: itself, and its letter or number where it begins with one, as "B)" or "(2)"."""
    text = plain(choice)
    mark = regex.match(r"\(?([a-z]|\d{1,2})[).:](?:\s|$)", text)
    return [text, mark[1]] if mark else [text]
