"""What an audit found, by category."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

CATEGORIES = (
    "duplicates", "near_duplicates", "broken", "blank", "text", "mismatch", "overlap", "private", "poison",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """`files` are keys of samples; of a group of duplicates the first is the one to keep."""

    files: tuple[str, ...]
    score: float  # 0..1, 1 is certain
    reason: str


@dataclass
class Report:
    path: str
    samples: int
    findings: dict[str, list[Finding]] = field(default_factory=lambda: {name: [] for name in CATEGORIES})
    summary: dict[str, dict[str, int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # checks that were not made, and why

    def add(self, category: str, files: Iterable[str], score: float, reason: str) -> None:
        self.findings[category].append(Finding(tuple(files), round(score, 4), reason))

    def flagged(self) -> set[str]:
        """Keys a filtered copy leaves out: all that was found, but for the first of a group of duplicates."""
        out: set[str] = set()
        for category, found in self.findings.items():
            grouped = category in ("duplicates", "near_duplicates")
            for finding in found:
                out.update(finding.files[1:] if grouped else finding.files)
        return out

    def counts(self) -> dict[str, int]:
        """Samples found in each category; of a group of duplicates all but the first."""
        extra = {"duplicates", "near_duplicates"}
        return {
            name: len({key for f in found for key in (f.files[1:] if name in extra else f.files)})
            for name, found in self.findings.items()
        }

    def to_json(self) -> dict[str, Any]:
        lists = {name: [asdict(f) for f in sorted(found, key=_worst)] for name, found in self.findings.items()}
        return {
            "path": self.path, "samples": self.samples, "counts": self.counts(), "summary": self.summary,
            "skipped": self.skipped, **lists,
        }  # fmt: skip


def _worst(finding: Finding) -> tuple[float, tuple[str, ...]]:
    return (-finding.score, finding.files)
