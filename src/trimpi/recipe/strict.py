"""The base of every recipe model: frozen, no unknown keys, no silent conversion."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

UNKNOWN_KEY = "unknown_key"


class StrictModel(BaseModel):
    """Refuses keys it does not know, names the nearest one it does, and never turns one type into another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = [str(key) for key in data if key not in cls.model_fields]
            if unknown:
                hints = "; ".join(describe_unknown(key, list(cls.model_fields)) for key in unknown)
                raise PydanticCustomError(UNKNOWN_KEY, "{hints}", {"hints": hints, "keys": unknown})
        return data


def describe_unknown(given: str, allowed: list[str]) -> str:
    """What is wrong with a name that is not one of the allowed, with the nearest of them if one is near."""
    near = get_close_matches(given, allowed, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {given!r}: {hint}allowed are {', '.join(allowed)}"
