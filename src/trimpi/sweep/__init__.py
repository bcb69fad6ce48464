"""A sweep: the jobs of a grid, one after the other, with what they have in common done once."""

from trimpi.sweep.directory import SweepDirectory
from trimpi.sweep.execute import execute_sweep

__all__ = ["SweepDirectory", "execute_sweep"]
