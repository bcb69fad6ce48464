"""How other servers are started on an exported model. Torch-free."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def serving_commands(folder: Path, *, name: str, images: int, adapter_of: str | None = None) -> Mapping[str, str]:
    """Command lines by server. `adapter_of` is the base of an adapter; `images` are the most that a request shows."""
    path, limit = str(folder.resolve()), f'{{"image": {images}}}'
    if adapter_of is not None:
        lora = ["--enable-lora", "--lora-modules", f"{name}={path}"]
        return {"vLLM": shlex.join(["vllm", "serve", adapter_of, *lora, "--limit-mm-per-prompt", limit])}
    return {
        "trimpi": shlex.join(["trimpi", "serve", path, "--name", name]),
        "vLLM": shlex.join(["vllm", "serve", path, "--served-model-name", name, "--limit-mm-per-prompt", limit]),
        "transformers": shlex.join(["transformers", "serve", path, "--port", "8000"]),
    }
