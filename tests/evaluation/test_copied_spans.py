"""Copied spans: by hand, and against looking at every span."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickness import answered_within
from trimpi.evaluation.copied_spans import SpanAutomaton, copied

TEXTS = st.lists(st.sampled_from("abc"), max_size=24)


def test_the_longest_span_at_every_word_by_hand() -> None:
    """In "a b c a b d": x is nowhere; "a b" ends there; "b d" does; "a c" only as "c"."""
    assert SpanAutomaton("abcabd").matches("xabdacab") == [0, 1, 2, 3, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("original", "copy", "shortest", "span", "covered"),
    [
        ("abcdef", "xbcdy", 3, range(1, 4), 3 / 6),
        ("abcdef", "xbcdy", 4, range(1, 4), 0.0),
        ("abcdef", "cdefabcd", 4, range(0, 4), 1.0),  # two spans that overlap cover all
        ("abcdefgh", "abc fgh", 3, range(0, 3), 6 / 8),  # two with a gap between
        ("ababab", "ab", 2, range(0, 2), 1.0),  # copied once, there three times
        ("abc", "", 1, range(0, 0), 0.0),
        ("", "abc", 1, range(0, 0), 0.0),
    ],
)
def test_longest_span_and_share_covered(original: str, copy: str, shortest: int, span: range, covered: float) -> None:
    assert copied(original, copy, shortest=shortest) == (span, pytest.approx(covered))


@given(original=TEXTS, copy=TEXTS, shortest=st.integers(1, 4))
def test_it_finds_what_looking_at_every_span_finds(original: list[str], copy: list[str], shortest: int) -> None:
    there = "".join(copy)
    spans = [
        range(start, end)
        for start in range(len(original))
        for end in range(start + 1, len(original) + 1)
        if "".join(original[start:end]) in there
    ]
    span, covered = copied(original, copy, shortest=shortest)
    assert len(span) == max(map(len, spans), default=0)
    assert not span or span in spans
    words = {word for found in spans if len(found) >= shortest for word in found}
    assert covered == pytest.approx(len(words) / len(original) if original else 0.0)


def test_long_texts_take_no_square_of_their_length() -> None:
    """Words that repeat are the worst case of a comparison span by span."""
    words = ["a", "b"] * 20_000
    span, covered = answered_within(3.0, lambda: copied(words, words, shortest=8))
    assert (len(span), covered) == (40_000, 1.0)
