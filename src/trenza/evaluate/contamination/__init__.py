"""Was the test in the training? Between two data sets hit by hit; and for a model whose data nobody knows, by how it
behaves. Evidence with its p-value, not a verdict.
"""

from trenza.evaluate.contamination.behaviour import Finding, behavioural
from trenza.evaluate.contamination.between import Hit, between

__all__ = ["Finding", "Hit", "behavioural", "between"]
