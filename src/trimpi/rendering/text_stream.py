"""A response's text as its tokens are written. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trimpi.rendering.renderer import Renderer

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer gives for the first bytes of a character whose others are in tokens to come."""


class TextStream:
    """What `push` and `finish` give, put together, is `Renderer.decode` of all the tokens."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._tokens: list[int] = []
        self._seen = self._decoded = 0  # tokens before the window, and those of it whose text was given
        self._given = ""
        self._closed = False

    def push(self, token: int) -> str:
        """The text that is certain now; empty while a character is unfinished."""
        self._closed = self._closed or token in self._renderer.closing_ids
        self._tokens.append(token)
        if self._closed:
            return ""
        # A token's text can depend on the one before it, so two windows that begin alike are compared.
        before = self._text(self._tokens[self._seen : self._decoded])
        now = self._text(self._tokens[self._seen :])
        if len(now) <= len(before) or now.endswith(UNFINISHED):
            return ""
        first, self._seen, self._decoded = self._seen == self._decoded, self._decoded, len(self._tokens)
        return self._give(self._without_prefix(now) if first else now[len(before) :])

    def finish(self) -> str:
        """The rest of the text."""
        whole = self._renderer.decode(self._tokens)
        return self._give(whole[len(self._given) :]) if whole.startswith(self._given) else ""

    def _give(self, text: str) -> str:
        self._given += text
        return text

    def _without_prefix(self, text: str) -> str:
        """White space that the chat template, not the model, puts before a response."""
        return text.removeprefix(self._renderer.format.response_prefix)

    def _text(self, tokens: list[int]) -> str:
        tokenizer = self._renderer.tokenizer
        text: str = tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text
