"""Where each word of an answer comes from: what the copying heads are told.

A chain of thought copies from the section of the policy it has reached: the values of its condition, then the section
or the response that its verdict leads to. Which token that is follows from the text alone. An answer that repeats words
of its question copies from where they stand in the longest matching context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerFast

from trimpi.models.nano.symbols import single_token
from trimpi.tasks.clevr.ontology import ATTRIBUTES


@dataclass(slots=True)
class Section:
    """Token indices within one section: its condition's words, and where each verdict leads."""

    words: list[int] = field(default_factory=list)
    leads_to: dict[str, int] = field(default_factory=dict)


class SourceFinder:
    """Finds, for tokens to be learned, the token of the policy they are copied from."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        def token(text: str) -> int:
            return single_token(tokenizer, text)

        self._heading, self._turn_end = token("##"), tokenizer.get_vocab()["<|im_end|>"]
        self._conditions = {token("Condition"), token(" Condition")}
        self._cases = {token("Case"), token(" Case")}
        self._verdicts = {token(" Yes"): "yes", token(" No"): "no"}
        self._response = token("The")
        values = [value for values in ATTRIBUTES.values() for value in values]
        self._word = {token(f" {value}"): value for value in values}
        self._word |= {token(f" {shape}s"): shape for shape in ATTRIBUTES["shape"]}

    def find(self, ids: Sequence[int], learned: Sequence[bool]) -> list[tuple[int, int]]:
        """Pairs (position, source): what follows `position` is a copy of `source`. A later policy replaces sections."""
        sections = self._sections(ids, learned)
        pairs: list[tuple[int, int]] = []
        section, verdict = None, None
        for index, token in enumerate(ids[:-1]):
            following = ids[index + 1]
            if not learned[index + 1]:
                section = None
            elif token in self._conditions:
                if section and verdict in section.leads_to:
                    pairs.append((index, section.leads_to[verdict]))
                section, verdict = sections.get(following), None
            elif token in self._verdicts and section:
                verdict = self._verdicts[token]
            elif token in self._cases and section and verdict in section.leads_to:
                pairs.append((index, section.leads_to[verdict]))
            elif following in self._word and section and verdict is None:
                same = [at for at in section.words if self._word[ids[at]] == self._word[following]]
                pairs += [(index, at) for at in same[:1]]
        return pairs

    def find_repeated(self, ids: Sequence[int], learned: Sequence[bool]) -> list[tuple[int, int]]:
        """Pairs (position, source) for answers that repeat words of the first turn or of the turn they answer.

        The source is the same token after the longest run of the same tokens; the last one where several are equal.
        """
        pairs: list[tuple[int, int]] = []
        ends = [index for index, token in enumerate(ids) if token == self._turn_end]
        first_turn, asked_from, asked_to = ends[0], 0, 0
        for index in range(len(ids) - 1):
            if not learned[index + 1] or ids[index + 1] == self._turn_end:
                continue
            if not learned[index]:
                asked_from, asked_to = [0, *(end for end in ends if end < index)][-2:]
            candidates = [*range(1, first_turn), *range(max(asked_from, first_turn), asked_to)]
            runs = [
                (_run(ids, index, at - 1), at)
                for at in candidates
                if ids[at] == ids[index + 1] and ids[at - 1] == ids[index]
            ]
            if runs:
                pairs.append((index, max(runs)[1]))
        return pairs

    def _sections(self, ids: Sequence[int], learned: Sequence[bool]) -> Mapping[int, Section]:
        sections: dict[int, Section] = {}
        current, branch = None, None
        for index, token in enumerate(ids[:-2]):
            if learned[index] or token == self._turn_end:
                current = None
            elif token == self._heading and ids[index + 1] in self._conditions:
                current, branch = sections.setdefault(ids[index + 2], Section()), None
                current.words.clear()
            elif current is None:
                continue
            elif token in self._verdicts:
                branch = self._verdicts[token]
            elif branch is None and token in self._word:
                current.words.append(index)
            elif branch and token in self._conditions | self._cases:
                current.leads_to[branch] = index + 1
        return sections


def _run(ids: Sequence[int], left: int, right: int) -> int:
    """How many tokens before and at two places are the same."""
    length = 0
    while right - length >= 0 and ids[left - length] == ids[right - length]:
        length += 1
    return length
