"""The run directory: stages in order, manifests, resume."""

from trimpi.run.execute import execute_run
from trimpi.run.services import EvaluationRequest, Reporter, RunServices

__all__ = ["EvaluationRequest", "Reporter", "RunServices", "execute_run"]
