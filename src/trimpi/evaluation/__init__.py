"""What a model can do with and without the policy in its prompt, and what the prompt costs."""

from trimpi.evaluation.results import SuiteResult
from trimpi.evaluation.suites import SUITES, evaluate_suite
from trimpi.interval import wilson_interval

__all__ = ["SUITES", "SuiteResult", "evaluate_suite", "wilson_interval"]
