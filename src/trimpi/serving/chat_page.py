"""A page that shows models side by side on the same request. Gradio is imported when the page is built."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trimpi.errors import TrimpiError
from trimpi.serving.limits import MEGABYTE
from trimpi.serving.side_by_side import Saying, Speaker, in_turn

BOTH = "With the policy in the prompt, and without it"
ALONE = "Without the policy in the prompt"
LARGEST_FILE = 20 * MEGABYTE
NOTHING_YET = "–"
STYLE = """
.prose table { width: 100%; table-layout: fixed; font-variant-numeric: tabular-nums; }
.prose table :is(tr, th, td) { border: 0; padding: 0.2rem 0.6rem; text-align: left; overflow-wrap: anywhere; }
.prose table th { color: var(--block-label-text-color); font-weight: 400; }
"""
"""Tokens and times in one line under each answer, in the colours of the theme."""


def build_page(speakers: Sequence[Speaker], *, new_tokens: int) -> Any:
    """The page, a `gradio.Blocks`. What models write is shown as text, never as markup."""
    import gradio

    title = ALONE if len(speakers) == 1 else BOTH
    with gradio.Blocks(title=title, analytics_enabled=False) as page:
        gradio.Markdown(f"# {title}")
        with gradio.Row():
            image = gradio.Image(type="filepath", label="Image", sources=["upload", "clipboard"], height=260)
            with gradio.Column():
                text = gradio.Textbox(label="Request", lines=3)
                with gradio.Row():
                    temperature = gradio.Slider(0, 2, value=0, step=0.1, label="Temperature (0: greedy)")
                    seed = gradio.Number(0, label="Seed", precision=0)
                ask = gradio.Button("Ask" if len(speakers) == 1 else "Ask both", variant="primary")
        texts, outputs = [], []
        with gradio.Row():
            for speaker in speakers:
                with gradio.Column():
                    texts.append(gradio.Textbox(label=speaker.label, lines=7, interactive=False))
                    outputs += [texts[-1], gradio.HTML(facts(None))]

        def answer(image: str | None, text: str, temperature: float, seed: float | None) -> Iterator[list[Any]]:
            # Answers to another request would stand beside what goes wrong with this one.
            yield shown([None] * len(speakers))
            if not text.strip():
                raise gradio.Error("Write a request first.", print_exception=False)
            path = None if image is None else Path(image)
            settings = {"temperature": float(temperature), "new_tokens": new_tokens, "seed": int(seed or 0)}
            try:
                yield from map(shown, in_turn(speakers, text, path, **settings))
            except TrimpiError as error:
                raise gradio.Error(html.escape(str(error)), print_exception=False) from error

        inputs = [image, text, temperature, seed]
        asked = [ask.click, text.submit]
        gradio.on(asked, answer, inputs, outputs, api_name="ask", concurrency_limit=1, show_progress_on=texts)
    return page


def shown(said: Sequence[Saying | None]) -> list[Any]:
    """The values of the page's outputs: every speaker's text, and its facts."""
    return [value for saying in said for value in ("" if saying is None else saying.text, facts(saying))]


def facts(saying: Saying | None) -> str:
    """Tokens and times of an answer, as a table of two rows."""
    values = [NOTHING_YET] * 4
    if saying is not None:
        first = NOTHING_YET if saying.first_text_seconds is None else f"{saying.first_text_seconds:.2f} s"
        values = [f"{saying.prompt_tokens:,}", f"{saying.written_tokens:,}", first, f"{saying.seconds:.2f} s"]
    names = ("tokens read", "tokens written", "first text", "in all")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<table><tr>{head}</tr><tr>{''.join(f'<td>{value}</td>' for value in values)}</tr></table>"


def launch(page: Any, *, host: str, port: int | None, block: bool = True) -> Any:
    """Show it until Ctrl-C, on any free port if none is named.

    Nothing is uploaded or shared, and no file can be asked for but those the page was given.
    """
    return page.queue(max_size=16).launch(
        server_name=host,
        server_port=port,
        share=False,
        max_file_size=LARGEST_FILE,
        quiet=True,
        footer_links=[],
        css=STYLE,
        prevent_thread_lock=not block,
    )
