"""Does the model know when it is wrong?"""

import numpy as np

from trenza.evaluate import clustered
from trenza.evaluate.measures.base import Measure, clusters, correct, mean, normal
from trenza.evaluate.run import Results

BINS = 10


def measures(results: Results) -> list[Measure]:
    return [*calibration(results), *abstention(results)]


def calibration(results: Results) -> list[Measure]:
    """Of the choice taken: p among the choices against how often it is right."""
    right = correct(results, "full")
    sure = {i: float(np.exp(normal(o.log_p).max())) for i, o in results.of("full").items() if len(o.log_p) > 1}
    indices = [i for i in sure if i in right]
    if not indices:
        note = "the model gives no likelihoods, so its confidence isn't known"
        return [Measure("calibration_error", clustered.NOTHING, "how far confidence is from being right", note=note)]
    hits, confidence = np.array([right[i] for i in indices]), np.array([sure[i] for i in indices])
    names = clusters(results, indices)
    over = clustered.mean((confidence - hits).tolist(), names, (-1.0, 1.0))
    return [
        Measure(
            "calibration_error", clustered.statistic(lambda i: ece(confidence[i], hits[i]), names),
            "how far confidence is from being right (ECE)", most=0.15, sure=True,
        ),
        Measure("overconfidence", over, "mean confidence minus accuracy", most=0.1, sure=True),
        Measure(
            "risk_coverage", clustered.statistic(lambda i: aurc(confidence[i], hits[i]), names),
            "mean share of errors when the surest are answered first (area under risk-coverage)",
        ),
    ]  # fmt: skip


def ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over BINS bins of equal width (Guo et al. 2017, equation 3)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    off = np.bincount(bins, confidence - right, BINS)
    return float(np.abs(off).sum() / len(confidence))


def aurc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Area under the risk-coverage curve (El-Yaniv & Wiener 2010); ties share their errors."""
    order = np.argsort(-confidence, kind="stable")
    values, inverse = np.unique(-confidence[order], return_inverse=True)
    wrong = 1 - right[order]
    tied = np.bincount(inverse, wrong) / np.bincount(inverse)
    return float((np.cumsum(tied[inverse]) / np.arange(1, len(wrong) + 1)).mean()) if len(values) else 0.0


def abstention(results: Results) -> list[Measure]:
    """How much is answered, and how much of that is wrong."""
    plain = results.of("plain")
    given = {i: float(not o.abstained) for i, o in plain.items()}
    if all(given.values()):
        return []
    right = correct(results, "plain")
    wrong = {i: 1 - right[i] for i, answered in given.items() if answered}
    return [
        Measure("coverage", mean(results, given), "questions that are answered at all"),
        Measure("risk_answered", mean(results, wrong), "wrong among what is answered"),
    ]
