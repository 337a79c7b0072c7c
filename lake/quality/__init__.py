"""Quality: what looks like a mistake in stored rows, rule by rule.

Importing this package loads pyarrow and numpy.
"""

from lake.quality.model import Finding, Progress, QualityReport, QualityRequest, SeriesQuality, Total
from lake.quality.rules import BY_NAME, RULES, Rule, Severity
from lake.quality.run import find
from lake.quality.settings import rules_of

__all__ = [
    "BY_NAME",
    "RULES",
    "Finding",
    "Progress",
    "QualityReport",
    "QualityRequest",
    "Rule",
    "SeriesQuality",
    "Severity",
    "Total",
    "find",
    "rules_of",
]
