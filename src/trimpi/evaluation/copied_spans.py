"""Which words of a text another one copies: an automaton of all its spans, walked once. Torch-free.

The automaton (Blumer et al. 1985) takes time and room linear in the text it is made of; comparing span by span, as
difflib does, takes the product of both lengths.
"""

from __future__ import annotations

from collections.abc import Sequence


class SpanAutomaton:
    """Recognises every span of consecutive words of a text.

    A state stands for spans that end at the same places of the text: `longest` is the length of the longest of them in
    words, `link` the state of the longest suffix that ends at more places (-1 for the first state), `next` where each
    further word leads.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.next: list[dict[str, int]] = [{}]
        self.link = [-1]
        self.longest = [0]
        last = 0
        for word in words:
            last = self._extend(last, word)

    def matches(self, words: Sequence[str]) -> list[int]:
        """For each word: the length of the longest span that ends with it and stands in the automaton's text."""
        lengths = []
        state = length = 0
        for word in words:
            while state and word not in self.next[state]:
                state = self.link[state]
                length = self.longest[state]
            if word in self.next[state]:
                state, length = self.next[state][word], length + 1
            lengths.append(length)
        return lengths

    def _extend(self, last: int, word: str) -> int:
        """Add the next word of the text; the state of the text up to it."""
        new = self._add({}, self.longest[last] + 1, 0)
        state = last
        while state != -1 and word not in self.next[state]:
            self.next[state][word] = new
            state = self.link[state]
        if state == -1:
            return new
        following = self.next[state][word]
        if self.longest[following] == self.longest[state] + 1:
            self.link[new] = following
            return new
        # The shorter spans of `following` now end at one more place than the longer: they get a state of their own.
        shorter = self._add(dict(self.next[following]), self.longest[state] + 1, self.link[following])
        while state != -1 and self.next[state].get(word) == following:
            self.next[state][word] = shorter
            state = self.link[state]
        self.link[following] = self.link[new] = shorter
        return new

    def _add(self, following: dict[str, int], longest: int, link: int) -> int:
        self.next.append(following)
        self.longest.append(longest)
        self.link.append(link)
        return len(self.link) - 1


def copied(original: Sequence[str], copy: Sequence[str], *, shortest: int) -> tuple[range, float]:
    """What `copy` takes over from `original`: the longest span, and the share of the original's words that is covered.

    The span is a range of words of the original, the first of the longest. A word is covered when it lies in a span of
    at least `shortest` words that stands in the copy. Takes time linear in both.
    """
    lengths = SpanAutomaton(copy).matches(original)
    longest = max(lengths, default=0)
    end = lengths.index(longest) + 1 if longest else 0
    covered = 0
    reached = 0  # words before this one are counted
    for position, length in enumerate(lengths, start=1):
        if length >= shortest:
            covered += position - max(reached, position - length)
            reached = position
    return range(end - longest, end), covered / len(original) if original else 0.0
