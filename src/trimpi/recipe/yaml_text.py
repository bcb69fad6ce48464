"""YAML as recipes use it: safe, numbers such as 1e-5 are numbers, a key twice is an error."""

from __future__ import annotations

import re
from typing import Any

import yaml

from trimpi.errors import RecipeError

SCIENTIFIC = re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$")


class _RecipeLoader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, which reads 1e-5 as text and lets a later key silently replace an earlier one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                message = f"the key {key!r} is given {keys.count(key)} times; give it once"
                raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
        return super().construct_mapping(node, deep=deep)


_RecipeLoader.add_implicit_resolver("tag:yaml.org,2002:float", SCIENTIFIC, list("-+0123456789"))


def parse_yaml(text: str, *, source: str) -> Any:
    """The value `text` denotes. Raises RecipeError naming `source`, line and column."""
    loader = _RecipeLoader(text)
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{source}{place}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def write_yaml(data: Any) -> str:
    """`data` as YAML, keys in their given order."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
