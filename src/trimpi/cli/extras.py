"""Libraries that only some commands need, and that come with an extra of the package."""

from __future__ import annotations

from importlib.util import find_spec


def require_extra(extra: str, *modules: str) -> None:
    """Raises ModelError naming the extra when one of its modules is not installed."""
    from trimpi.errors import ModelError

    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ModelError(f"this needs {', '.join(missing)}: pip install 'trimpi[{extra}]'")
