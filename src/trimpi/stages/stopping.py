"""A stage that ends before its last step because there is nothing more to train on. Torch-free."""

from __future__ import annotations


class StageEndedEarly(Exception):
    """Raised within training; the weights of the last update are the stage's result. The text says why, for users."""
