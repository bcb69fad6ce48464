"""What a run found, for people: a table and one self-contained page, from a run directory, never a model."""

from trimpi.reporting.report import write_report
from trimpi.reporting.tables import results_markdown, results_table

__all__ = ["results_markdown", "results_table", "write_report"]
