"""CLEVR's scene JSON, as in CLEVR_v1.0 and from the public generator, validated field by field (paper, ClevrPolicy)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from trimpi.errors import DataError
from trimpi.recipe.messages import explain
from trimpi.tasks.clevr.ontology import ATTRIBUTES

Coordinates = Annotated[list[float], Field(min_length=3, max_length=3)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
"""A bare name: it cannot lead out of the folder it is looked for in."""


class _Record(BaseModel):
    """Unlike a recipe, a scene may carry more than is read: directions, relationships, masks."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class ObjectRecord(_Record):
    """One object. `position` is `3d_coords`, in scene units; `pixel_coords` is x and y in pixels, and the depth."""

    shape: str
    color: str
    size: str
    material: str
    position: Coordinates = Field(alias="3d_coords")
    pixel_coords: Coordinates
    rotation: float

    @field_validator("shape", "color", "size", "material")
    @classmethod
    def _in_the_ontology(cls, value: str, info: ValidationInfo) -> str:
        allowed = ATTRIBUTES[str(info.field_name)]
        if value not in allowed:
            raise ValueError(f"allowed are {', '.join(allowed)}")
        return value


class SceneRecord(_Record):
    """One scene: its image, the split it was made for, its objects."""

    image_filename: FileName
    split: FileName | None = None
    objects: Annotated[list[ObjectRecord], Field(min_length=1)]


def read_scene_records(file: Path) -> Iterator[tuple[str, SceneRecord]]:
    """The scenes of a file, be it one scene or {"info", "scenes"}, each with words that say where it stands.

    Raises DataError naming the file, the scene's index and the field: what was given and what is allowed.
    """
    content = _read_json(file)
    collected = isinstance(content, dict) and "scenes" in content
    scenes = content["scenes"] if collected else [content]
    if not isinstance(scenes, list):
        raise DataError(f"{file}: scenes is {type(scenes).__name__}; allowed is a list of scenes")
    for index, scene in enumerate(scenes):
        where = f"{file}, scene {index}"
        if not isinstance(scene, dict) or (not collected and "objects" not in scene):
            raise DataError(f'{where}: not a CLEVR scene; allowed is one with "objects", or {{"scenes": [..]}}')
        try:
            yield where, SceneRecord.model_validate(scene)
        except ValidationError as error:
            raise DataError(f"{where}: {explain(error, scene)}") from None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except json.JSONDecodeError as error:
        raise DataError(f"{file} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise DataError(f"{file} is not a scene file: it is nested too deeply") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
