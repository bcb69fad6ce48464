"""Benchmarks of others (MMLU-Pro, WildGuardTest-like tasks) asked by EleutherAI's lm-eval: the extra `harness`.

Text only. For pictures (MMMU-Pro) there is lmms-eval, which is no extra of trimpi and runs by its own command line. pip
resolves its 0.7.3 beside torch 2.13 and transformers 5.23 (it asks for 4.39.2 or newer), but it requires torchvision,
and which processor classes transformers loads depends on whether that is there; its adapter for Qwen2.5-VL imports
decord, which it does not require; and it brings 45 packages that lm-eval does not (wandb at one exact version, opencv,
PyAV, yt-dlp, pre-commit). Give it an environment of its own and a stage's folder, which is a model transformers loads:

    python -m lmms_eval --model qwen2_5_vl --model_args pretrained=RUN/stages/03-rl --tasks mmmu_pro_standard
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trimpi.errors import DataError, RecipeError
from trimpi.evaluation.results import HARNESS_FILE
from trimpi.evaluation.storage import read_json, to_jsonl, write_atomically
from trimpi.recipe import HarnessConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LIBRARY = "lm_eval"
DISTRIBUTION = "lm-eval"


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessScore:
    """One metric of one task or group of tasks. `filter` is how lm-eval read the answers; `n` documents were asked.

    `stderr` is None where lm-eval gives none.
    """

    task: str
    metric: str
    filter: str
    value: float
    stderr: float | None
    n: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessResult:
    """What lm-eval says about one model; `version` is lm-eval's, `config` the recipe's `evaluation.harness`.

    `model_key` is a hash of what the model's answers depend on; "" where nobody knows.
    """

    model: str
    harness: str
    version: str
    config: Mapping[str, Any]
    seed: int
    scores: Sequence[HarnessScore]
    seconds: float
    model_key: str = ""


def check_harness(config: HarnessConfig) -> None:
    """Raises RecipeError without lm-eval or the folder of own tasks. Takes no time: nothing is imported."""
    if find_spec(LIBRARY) is None:
        raise RecipeError(
            "evaluation.harness is set, but lm-eval is not installed: pip install 'trimpi[harness]', or leave it out"
        )
    if config.include is not None and not Path(config.include).is_dir():
        raise RecipeError(
            f"evaluation.harness.include: no folder {config.include}: give one that holds task YAML files"
        )


def find_tasks(config: HarnessConfig) -> Any:
    """lm-eval's TaskManager with the tasks of a recipe, their data read: what is wrong shows before weights load.

    Raises RecipeError for a task that does not exist, DataError for data that cannot be read.
    """
    check_harness(config)
    manager = _task_manager(config)
    unknown = [task for task in config.tasks if task not in manager.all_tasks]
    if unknown:
        near = get_close_matches(unknown[0], manager.all_tasks, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise RecipeError(
            f"evaluation.harness.tasks: lm-eval {version(DISTRIBUTION)} has no task {unknown[0]!r}; {hint}"
            "`lm_eval ls tasks` lists its own, evaluation.harness.include adds a folder of yours"
        )
    try:
        manager.load(list(config.tasks))
    except (OSError, ValueError, KeyError, ImportError) as error:
        names, reason = ", ".join(config.tasks), (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"lm-eval cannot load {names}: {reason}") from error
    return manager


def run_harness(
    model: PreTrainedModel,
    processor: Any,
    tasks: Any,
    config: HarnessConfig,
    *,
    model_name: str,
    out_dir: Path,
    batch_size: int,
    model_key: str = "",
    seed: int = 0,
) -> HarnessResult:
    """Ask the tasks that `find_tasks` found; write `out_dir/harness.json`, and `.jsonl` with a line per document asked.

    Tasks that run code which a model wrote are refused by lm-eval. Seeds Python's, numpy's and torch's generators.
    """
    import lm_eval

    from trimpi.evaluation.harness_model import HarnessModel

    start = time.perf_counter()
    found = lm_eval.simple_evaluate(
        model=HarnessModel(model, processor, batch_size=batch_size),
        tasks=list(config.tasks),
        task_manager=tasks,
        limit=config.limit,
        apply_chat_template=config.chat_template,
        random_seed=seed,
        numpy_random_seed=seed,
        torch_random_seed=seed,
        fewshot_random_seed=seed,
    )
    result = HarnessResult(
        **_settings(model_name, model_key, config, seed),
        scores=list(_scores(found)),
        seconds=round(time.perf_counter() - start, 3),
    )
    path = out_dir / HARNESS_FILE
    write_atomically(path.with_suffix(".jsonl"), to_jsonl(_documents(found)))
    write_atomically(path, json.dumps(asdict(result), indent=2) + "\n")
    return result


def harness_is_finished(
    config: HarnessConfig, *, model_name: str, out_dir: Path, model_key: str = "", seed: int = 0
) -> bool:
    """Whether these tasks were asked of this model before, by this version of lm-eval."""
    path = out_dir / HARNESS_FILE
    if not path.is_file():
        return False
    data = read_json(path)
    return all(data.get(key) == value for key, value in _settings(model_name, model_key, config, seed).items())


def _settings(model_name: str, model_key: str, config: HarnessConfig, seed: int) -> dict[str, Any]:
    return {
        "model": model_name,
        "model_key": model_key,
        "harness": DISTRIBUTION,
        "version": version(DISTRIBUTION),
        "config": config.model_dump(mode="json"),
        "seed": seed,
    }


def _task_manager(config: HarnessConfig) -> Any:
    """With the tasks of the given folder alone if they suffice: lm-eval's own are 14,000, read in several seconds."""
    from lm_eval.tasks import TaskManager

    if config.include is not None:
        own = TaskManager(include_path=config.include, include_defaults=False)
        if set(config.tasks) <= set(own.all_subtasks):
            return own
    return TaskManager(include_path=config.include)


def _scores(found: Mapping[str, Any]) -> Iterator[HarnessScore]:
    """lm-eval names a metric "NAME,FILTER" and its standard error "NAME_stderr,FILTER"."""
    for task, metrics in found["results"].items():
        asked = found["n-samples"].get(task, {}).get("effective", metrics.get("sample_len"))
        for key, value in metrics.items():
            name, comma, read_by = key.partition(",")
            if not comma or name.endswith("_stderr"):
                continue
            stderr = metrics.get(f"{name}_stderr,{read_by}")
            yield HarnessScore(
                task=task,
                metric=name,
                filter=read_by,
                value=float(value),
                stderr=stderr if isinstance(stderr, float) else None,
                n=asked,
            )


def _documents(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for task, samples in found.get("samples", {}).items():
        for sample in samples:
            metrics = {name: sample.get(name) for name in sample.get("metrics", ())}
            answers = {name: sample.get(name) for name in ("doc_id", "filter", "doc", "target", "filtered_resps")}
            yield json.loads(json.dumps({"task": task, **answers, "metrics": metrics}, default=str))
