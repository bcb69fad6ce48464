"""A trained model in a folder to give away: weights or an adapter, what to ask it with, and its card."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel

import trimpi
from trimpi.errors import ModelError, RunError
from trimpi.evaluation.storage import read_json
from trimpi.models.loading import load_model, load_processor, resolve_model_path, save_model
from trimpi.recipe import load_recipe
from trimpi.rendering.renderer import Renderer
from trimpi.reporting.model_card import model_card
from trimpi.reporting.run_directory import read_run
from trimpi.run.directory import RunDirectory
from trimpi.serving.low_rank import save_adapter
from trimpi.serving.parity import Parity, compare, parity_prompts
from trimpi.serving.source import ModelSource, complete_stages, write_source

CARD = "README.md"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written where; `adapter_of` is the base of an adapter."""

    folder: Path
    parity: Parity
    adapter_of: str | None = None


def export_model(
    source: ModelSource,
    out: Path,
    *,
    adapter: bool = False,
    dtype: str | None = None,
    tolerance: float | None = None,
) -> Exported:
    """Write the folder in one step: it is there when its parity with the trained model has been checked, or not at all.

    Raises RunError where something is there already, and ModelError when the copy says something else than the model.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} is there already: give another --out, or delete it")
    rank = adapter_rank(source) if adapter else None
    unfinished = out.with_name(f".{out.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        exported = _write(source, unfinished, rank=rank, dtype=dtype, tolerance=tolerance)
        if out.is_dir():
            out.rmdir()
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return replace(exported, folder=out)


def adapter_rank(source: ModelSource) -> int:
    """The rank that holds all that the run's LoRA stages added, up to the exported one.

    Raises ModelError for a model of no run, or one with a stage that trained all weights.
    """
    if source.run is None or source.stage is None:
        raise ModelError("an adapter is what a run added to its base: give a run directory, or leave out --adapter")
    run, rank = RunDirectory(source.run), 0
    names = complete_stages(run)
    for name in names[: names.index(source.stage) + 1]:
        lora = read_json(run.stage_manifest(name))["config"].get("lora")
        if lora is None:
            raise ModelError(f"stage {name} trained all weights, which no adapter holds: leave out --adapter")
        rank += int(lora["rank"])
    return rank


def _write(
    source: ModelSource, folder: Path, *, rank: int | None, dtype: str | None, tolerance: float | None
) -> Exported:
    processor = load_processor(source.path)
    renderer = Renderer(processor, instruction=source.instruction)
    prompts = parity_prompts(renderer, source.run)
    trained = load_model(source.path, dtype=source.model.dtype, attn=source.model.attention)
    base_name = None
    exported: Any
    if rank is None:
        copy = load_model(source.path, dtype=dtype or source.model.dtype)
        save_model(copy, processor, folder)
        del copy
        exported = load_model(folder, dtype=dtype or source.model.dtype, attn=source.model.attention)
        reader = Renderer(load_processor(folder), instruction=source.instruction)
    else:
        base_name = _base_of(source)
        load_base = partial(load_model, base_name, dtype=source.model.dtype, attn=source.model.attention)
        save_adapter(load_base(), trained, rank=rank, base_name=base_name, folder=folder)
        processor.save_pretrained(folder)
        exported = PeftModel.from_pretrained(load_base(), folder).eval()
        reader = renderer
    parity = compare(trained, exported, (renderer, reader), prompts, bound=tolerance)
    about = _about(source, parity, rank=rank, base=base_name)
    write_source(folder, about)
    run = None if source.run is None else read_run(source.run)
    card = model_card(run, stage=source.stage, name=source.name, about=about)
    (folder / CARD).write_text(card, encoding="utf-8")
    return Exported(folder=folder, parity=parity, adapter_of=base_name)


def _base_of(source: ModelSource) -> str:
    """A folder or hub id that other libraries can load."""
    assert source.run is not None
    path = resolve_model_path(load_recipe(RunDirectory(source.run).recipe).model.path)
    return str(path.resolve() if path.is_dir() else path)


def _about(source: ModelSource, parity: Parity, *, rank: int | None, base: str | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "trimpi": trimpi.__version__,
        "instruction": source.instruction,
        "name": source.name,
        "stage": source.stage,
        "weights": "merged" if rank is None else {"adapter_of": base, "rank": rank},
        "parity": asdict(parity),
    }
    if source.run is not None:
        about["policies"] = read_json(RunDirectory(source.run).manifest).get("policies", {})
    return about
