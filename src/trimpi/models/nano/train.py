"""`make base`: the nano model from nothing, in phases that resume; ends in the weights the package ships.

Scenes are rendered, then the vision tower learns what each visual token shows while the language model learns from
perfect visual tokens (two processes, one core each); then it learns to read what the vision tower says.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from trimpi.models.nano.batches import LessonEncoder
from trimpi.models.nano.build import build_nano_model
from trimpi.models.nano.export import export_base
from trimpi.models.nano.language_phase import Seer, sample_lesson, teach_language
from trimpi.models.nano.measure import measure_exams
from trimpi.models.nano.pictures import PictureLibrary
from trimpi.models.nano.symbols import Symbols
from trimpi.models.nano.tokenizer import train_tokenizer
from trimpi.models.nano.vision_phase import cell_labels, look, teach_vision
from trimpi.tasks.clevr.rendered import TAUGHT_SEED, rendered_scenes

SCENES, HELD_OUT = 20480, 512
VISION_STEPS, LANGUAGE_STEPS, PIXELS_STEPS = 1400, 1000, 1000
TOKENS_PER_STEP = 4096
EXAM_COUNT, EXAM_SEED = 256, 2
QUICK_EXAMS = ("exists", "count", "copy", "lookup", "arithmetic", "tool_call", "policy_T2", "policy_T3", "policy_M2")


class Workshop:
    """Everything the phases share, built the same way in every process."""

    def __init__(self, folder: Path, cache_dir: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        folder.mkdir(parents=True, exist_ok=True)
        scenes = rendered_scenes(SCENES, seed=TAUGHT_SEED, cache_dir=cache_dir, masks=True, progress=_print_progress)
        self.held_out, self.library = PictureLibrary(scenes[:HELD_OUT]), PictureLibrary(scenes[HELD_OUT:])
        self.tokenizer = self._tokenizer()
        self.encoder, self.symbols = LessonEncoder(self.tokenizer), Symbols(seed)
        torch.manual_seed(seed)
        self.model = build_nano_model(self.tokenizer)
        self.value_rows = self.symbols.write_embeddings(self.model.model.language_model.embed_tokens, self.tokenizer)

    def vision(self) -> None:
        teach_vision(
            self.model.model.visual,
            self.library,
            self.held_out,
            self.symbols,
            steps=VISION_STEPS,
            folder=self.folder,
            seed=self.seed,
        )

    def language(self) -> None:
        self._teach("language", LANGUAGE_STEPS, 2e-3, on_pixels=False, progress=(0.0, 0.4))

    def pixels(self) -> None:
        """The two halves meet: each starts from its own checkpoint, and the language half learns on."""
        if not (self.folder / "pixels.pt").exists():
            halves = torch.load(self.folder / "language.pt", weights_only=True)["module"]
            eyes = torch.load(self.folder / "vision.pt", weights_only=True)["module"]
            self.model.load_state_dict({**halves, **{f"model.visual.{name}": value for name, value in eyes.items()}})
        self._teach("pixels", PIXELS_STEPS, 1.5e-3, on_pixels=True, progress=(0.4, 1.0))

    def export(self, target: Path) -> None:
        """Sit the exams, then write the folder that the package ships."""
        state = torch.load(self.folder / "pixels.pt", weights_only=True)["module"]
        self.model.load_state_dict(state)
        self.model.eval()
        see = self.see(on_pixels=True)
        exams = measure_exams(self.model, self.encoder, self.held_out, see, count=EXAM_COUNT, seed=EXAM_SEED)
        facts = {
            "count": EXAM_COUNT,
            "seed": EXAM_SEED,
            "held_out": HELD_OUT,
            "scenes": SCENES,
            "vision_steps": VISION_STEPS,
            "language_steps": LANGUAGE_STEPS,
            "pixels_steps": PIXELS_STEPS,
        }
        export_base(self.model, self.tokenizer, target, exams=exams, facts=facts)

    def see(self, *, on_pixels: bool) -> Seer:
        if on_pixels:
            return lambda pictures: look(self.model.model.visual, pictures)
        return lambda pictures: self.symbols.of_cells(cell_labels(pictures))

    def _teach(
        self,
        name: str,
        steps: int,
        learning_rate: float,
        *,
        on_pixels: bool,
        progress: tuple[float, float],
    ) -> None:
        see = self.see(on_pixels=on_pixels)

        def measure() -> dict[str, float]:
            return measure_exams(self.model, self.encoder, self.held_out, see, count=128, seed=1, names=QUICK_EXAMS)

        teach_language(
            name,
            self.model,
            self.encoder,
            self.library,
            steps=steps,
            learning_rate=learning_rate,
            tokens_per_step=TOKENS_PER_STEP,
            see=see,
            decay=on_pixels,
            progress=progress,
            frozen_rows=None if on_pixels else self.value_rows,
            measure=measure,
            folder=self.folder,
            seed=self.seed,
        )

    def _tokenizer(self) -> PreTrainedTokenizerFast:
        saved = self.folder / "tokenizer"
        if not saved.exists():
            texts = tokenizer_corpus(self.held_out, seed=self.seed, lessons=4000)
            train_tokenizer(texts).save_pretrained(saved)
        return PreTrainedTokenizerFast.from_pretrained(saved)


def tokenizer_corpus(library: PictureLibrary, *, seed: int, lessons: int) -> list[str]:
    """Texts of lessons as the chat template writes them, special tokens left out."""
    rng = random.Random(seed)
    sampled = [sample_lesson(rng, library, index / lessons) for index in range(lessons)]
    turns = [message for lesson in sampled for message in lesson.messages]
    return [f"{turn.role}\n{text}" for turn in turns for text in turn.parts if isinstance(text, str)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase", choices=("all", "vision", "language", "pixels", "export"), default="all")
    parser.add_argument("--folder", type=Path, default=Path("runs/base"))
    parser.add_argument("--cache", type=Path, default=Path(".trimpi-cache"))
    parser.add_argument("--target", type=Path, default=Path(__file__).parent / "weights")
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    workshop = Workshop(arguments.folder, arguments.cache, seed=0)
    if arguments.phase == "all":
        _side_by_side(("vision", "language"), arguments.folder, arguments.cache)
    if arguments.phase in ("vision", "language"):
        getattr(workshop, arguments.phase)()
    if arguments.phase in ("all", "pixels"):
        workshop.pixels()
    if arguments.phase in ("all", "export"):
        workshop.export(arguments.target)


def _side_by_side(phases: tuple[str, ...], folder: Path, cache: Path) -> None:
    """One process and one core each: two threads in one small model win little."""
    command = [
        sys.executable,
        "-m",
        "trimpi.models.nano.train",
        "--folder",
        str(folder),
        "--cache",
        str(cache),
        "--threads",
        "1",
    ]
    running = [subprocess.Popen([*command, "--phase", phase]) for phase in phases]
    failures = [process.wait() for process in running]
    if any(failures):
        raise SystemExit(f"a phase failed; run again to go on from the checkpoints in {folder}")


def _print_progress(done: int, count: int) -> None:
    print(f"rendered {done} of {count} scenes", flush=True)


if __name__ == "__main__":
    main()
