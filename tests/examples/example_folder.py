"""What tests of an example's folder begin with: the script that made its rows, and its task."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from trimpi.recipe import CustomTaskConfig, load_recipe
from trimpi.tasks.custom.task import CustomTask

EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def maker_of(folder: Path) -> Iterator[ModuleType]:
    name = f"make_data_of_{folder.name}"
    spec = importlib.util.spec_from_file_location(name, folder / "make_data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def task_of(folder: Path) -> CustomTask:
    config = load_recipe(folder / "recipe.yaml").task
    assert isinstance(config, CustomTaskConfig)
    return CustomTask(config)
