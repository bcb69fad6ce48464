"""What a model can do with and without the policy in its prompt, and what the prompt costs."""

from trimpi.interval import wilson_interval
from trimpi.evaluation.results import SuiteResult
from trimpi.evaluation.suites import SUITES, evaluate_suite

__all__ = ["SUITES", "SuiteResult", "evaluate_suite", "wilson_interval"]
