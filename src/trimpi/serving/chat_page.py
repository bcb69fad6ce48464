"""A page that shows models side by side on the same request. Gradio is imported when the page is built."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trimpi.errors import TrimpiError
from trimpi.serving.limits import MEGABYTE
from trimpi.serving.side_by_side import Saying, Speaker, in_turn

TITLE = "With the policy in the prompt, and without it"
LARGEST_FILE = 20 * MEGABYTE
NOTHING_YET = "–"


def build_page(speakers: Sequence[Speaker], *, new_tokens: int) -> Any:
    """The page, a `gradio.Blocks`. What models write is shown as text, never as markup."""
    import gradio

    with gradio.Blocks(title=TITLE, analytics_enabled=False) as page:
        gradio.Markdown(f"# {TITLE}")
        with gradio.Row():
            image = gradio.Image(type="filepath", label="Image", sources=["upload", "clipboard"], height=260)
            with gradio.Column():
                text = gradio.Textbox(label="Request", lines=3)
                temperature = gradio.Slider(0, 2, value=0, step=0.1, label="Temperature (0: greedy)")
                seed = gradio.Number(0, label="Seed", precision=0)
                ask = gradio.Button("Ask both" if len(speakers) == 2 else "Ask", variant="primary")
        outputs: list[Any] = []
        with gradio.Row():
            for speaker in speakers:
                with gradio.Column():
                    outputs.append(gradio.Textbox(label=speaker.label, lines=10, interactive=False))
                    outputs.append(gradio.HTML(facts(None)))

        def answer(image: str | None, text: str, temperature: float, seed: float) -> Iterator[list[Any]]:
            if not text.strip():
                raise gradio.Error("Write a request first.")
            path = None if image is None else Path(image)
            settings = {"temperature": float(temperature), "new_tokens": new_tokens, "seed": int(seed)}
            try:
                for said in in_turn(speakers, text, path, **settings):
                    yield [value for saying in said for value in ("" if saying is None else saying.text, facts(saying))]
            except TrimpiError as error:
                raise gradio.Error(html.escape(str(error))) from error

        inputs = [image, text, temperature, seed]
        gradio.on([ask.click, text.submit], answer, inputs, outputs, api_name="ask", concurrency_limit=1)
    return page


def facts(saying: Saying | None) -> str:
    """Tokens and times of an answer, as a table."""
    values = [NOTHING_YET] * 4
    if saying is not None:
        first = NOTHING_YET if saying.first_text_seconds is None else f"{saying.first_text_seconds:.2f} s"
        values = [f"{saying.prompt_tokens:,}", f"{saying.written_tokens:,}", first, f"{saying.seconds:.2f} s"]
    names = ("tokens read", "tokens written", "first text", "in all")
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in zip(names, values, strict=True)
    )
    return f"<table>{rows}</table>"


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
        prevent_thread_lock=not block,
    )
