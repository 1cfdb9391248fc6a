"""The table of differences: who is right by AWS's documentation, and why.

A line has seven columns, separated by tabs: the other implementation, the case, the field, Sealgate's value, the
other's value, the verdict (`sealgate`, `other` or `both allowed`) and the reason. The first five may have wildcards
(`*`, `?`); the first line that matches judges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from pathlib import Path
from re import Pattern
from re import compile as pattern

PATH = Path(__file__).parent / "differences.tsv"
VERDICTS = ("sealgate", "other", "both allowed")


@cache
def glob(text: str) -> Pattern[str]:
    """Brackets stand for themselves: values have them."""
    return pattern(translate(text.replace("[", "[[]")))


@dataclass
class Line:
    columns: tuple[str, ...]
    verdict: str
    reason: str
    number: int
    matched: int = 0

    def matches(self, difference: tuple[str, ...]) -> bool:
        return all(glob(column).match(value) for column, value in zip(self.columns, difference))


@dataclass
class Table:
    lines: list[Line]
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Table:
        lines = []
        for number, text in enumerate(PATH.read_text().splitlines(), 1):
            if not text or text.startswith("#"):
                continue
            columns = text.split("\t")
            if len(columns) != 7 or columns[5] not in VERDICTS or not columns[6]:
                raise ValueError(f"{PATH.name}, line {number}: seven columns with a verdict and a reason, please")
            lines.append(Line(tuple(columns[:5]), columns[5], columns[6], number))
        return cls(lines)

    def judge(self, *difference: str) -> bool:
        for line in self.lines:
            if line.matches(difference):
                line.matched += 1
                self.verdicts.setdefault(difference[0], Counter())[line.verdict] += 1
                return True
        return False

    def tally(self, other: str) -> str:
        found = self.verdicts.get(other, Counter())
        return ", ".join(f"{verdict} {found[verdict]}" for verdict in VERDICTS)

    def stale(self, others: list[str]) -> list[str]:
        return [
            f"line {line.number}: {' | '.join(line.columns)}"
            for line in self.lines
            if not line.matched and (line.columns[0] in others or "*" in line.columns[0])
        ]
