"""Loading and saving models with their processors, so that what was saved is what is loaded."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin
from transformers.utils import is_torchvision_available

from trimpi.errors import ModelError
from trimpi.models.processing import WITHOUT_VIDEO

NANO = "nano"
ADAPTER_FILE = "adapter_config.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tekken.json")
NANO_FOLDER = Path(__file__).parent / "nano" / "weights"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def resolve_model_path(path: str | Path) -> Path:
    """Where a model lies: the packaged folder for "nano", a local folder, or a hub id unchanged (its str() is the id).

    Raises ModelError for a local folder that does not exist or holds no model.
    """
    if str(path) == NANO:
        path = NANO_FOLDER
    folder = Path(path).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file() and (folder / ADAPTER_FILE).is_file():
            raise ModelError(
                f"{folder} is a PEFT adapter of {_adapted(folder)}, not a whole model: merge it into that, as `trimpi "
                "export RUN` does without --adapter, or give the base model"
            )
        if not (folder / "config.json").is_file():
            raise ModelError(f"{folder} is not a model folder: it has no config.json")
        return folder
    if HUB_ID.fullmatch(str(path)):
        return Path(path)
    raise ModelError(
        f"no model at {path}: give {NANO!r}, a model folder, or a hub id such as Qwen/Qwen2.5-VL-7B-Instruct"
    )


def load_processor(path: str | Path) -> ProcessorMixin:
    """The processor of a model folder or hub id. Raises ModelError when it cannot see images or cannot be read."""
    source = str(resolve_model_path(path))
    try:
        # Without the answer given here, transformers asks on the terminal whether to run code that the folder names.
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        # A checkpoint saved with torchvision names the stock class, and AutoProcessor would fail to build it here.
        chosen = AutoProcessor if is_torchvision_available() else WITHOUT_VIDEO.get(type(config), AutoProcessor)
        processor = chosen.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, ImportError, AttributeError, TypeError) as error:
        raise ModelError(f"cannot load the processor of {path}: {_first_line(error)}") from error
    if getattr(processor, "image_processor", None) is None:
        raise ModelError(
            f"the processor of {path} is a {type(processor).__name__} without an image processor, losing images: "
            "use a vision-language model with its processor files"
        )
    _require_tokenizer_files(Path(source), processor)
    return processor


def _require_tokenizer_files(folder: Path, processor: Any) -> None:
    """Raises ModelError for a local model without any: transformers makes an empty tokenizer of nothing."""
    files = sorted({*TOKENIZER_FILES, *processor.tokenizer.vocab_files_names.values()})
    if folder.is_dir() and not any((folder / file).is_file() for file in files):
        raise ModelError(
            f"{folder} has no tokenizer: none of {', '.join(files)} is there; copy them from the model it was made of"
        )


def _adapted(folder: Path) -> str:
    try:
        return str(json.loads((folder / ADAPTER_FILE).read_bytes())["base_model_name_or_path"])
    except (ValueError, KeyError, TypeError):
        return "a model that it does not name"


def load_model(
    path: str | Path, *, dtype: str = "float32", device: str | torch.device | None = None, attn: str = "sdpa"
) -> PreTrainedModel:
    """A vision-language model in evaluation mode, on `device`, by default this process's GPU where there is one.

    Raises ModelError when it cannot be read or when the folder does not hold every weight: a partly random model is
    never returned.
    """
    source = str(resolve_model_path(path))
    try:
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            source,
            dtype=_dtype(dtype),
            attn_implementation=attn,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,  # pickled weights could run code
        )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"cannot load the model {path}: {_first_line(error)}") from error
    model, info = loaded
    lost = sorted(str(key) for problem in ("missing_keys", "mismatched_keys") for key in info[problem])
    if lost:
        raise ModelError(
            f"the weights of {path} do not fit its config.json: {len(lost)} are missing or of another shape, such as "
            f"{lost[0]}; save the model again with the transformers version that is installed here"
        )
    return model.to(device if device is not None else default_device()).eval()


def default_device() -> torch.device:
    """This process's GPU where there is one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def save_model(model: PreTrainedModel | PeftModel, processor: ProcessorMixin, folder: Path) -> None:
    """Write a folder that `from_pretrained` loads: safetensors, generation config and processor.

    LoRA adapters are merged into the base weights first, which spends the PeftModel: load the folder to go on.
    """
    plain: Any = model.merge_and_unload() if isinstance(model, PeftModel) else model
    plain.save_pretrained(folder)
    processor.save_pretrained(folder)


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ModelError(f"unknown dtype {name!r}: use float32, bfloat16 or float16")
    return dtype


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
