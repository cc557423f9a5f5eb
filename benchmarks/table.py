#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What a benchmark has found: a table, and figures by name."""
from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyperf


if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Table:
    """The answer to one question.

    :ivar figures: what targets and the plot refer to, by name
    :ivar benchmarks: the single values, in the format of pyperf
    """

    title: str
    text: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    benchmarks: list[pyperf.Benchmark] = field(default_factory=list)

    def median(self, name: str, values: Sequence[float],
               unit: str = 'second') -> float:
        """Note the values that were measured; return their median."""
        benchmark = pyperf.Benchmark([pyperf.Run(
            [float(value) for value in values], collect_metadata=False,
            metadata={'name': f'{self.title}: {name}', 'unit': unit})])
        self.benchmarks.append(benchmark)
        return float(benchmark.median())

    def markdown(self) -> str:
        """Return it as a section of a Markdown file."""
        lines = [_line(row, ' | ') for row in _padded(
            [self.head, *self.rows])]
        rule = ['---', *['---:'] * (len(self.head) - 1)]
        lines = [f'| {line} |' for line in lines]
        lines.insert(1, f'| {" | ".join(rule)} |')
        return '\n'.join([f'## {self.title}', '', self.text, '', *lines])

    def terminal(self) -> str:
        """Return it as text."""
        lines = [_line(row, '  ').rstrip()
                 for row in _padded([self.head, *self.rows])]
        return '\n'.join([self.title, *(f'  {line}' for line in lines)])


def duration(seconds: float) -> str:
    """Write a time with three digits that mean something."""
    for factor, unit in ((1, 's'), (1e3, 'ms'), (1e6, 'µs')):
        if abs(seconds) * factor >= 1:
            return f'{_digits(seconds * factor)} {unit}'
    return f'{_digits(seconds * 1e9)} ns'


def ratio(value: float) -> str:
    """Write how many times as much something is."""
    return f'{_digits(value)} x'


def _digits(value: float) -> str:
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f'{value:.{places}f}'


def _padded(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Let the columns have the same width; figures stand on the right."""
    widths = [max(map(_width, column)) for column in zip(*rows)]
    return [[_pad(cell, width, left=index == 0)
             for index, (cell, width) in enumerate(zip(row, widths))]
            for row in rows]


def _pad(cell: str, width: int, *, left: bool) -> str:
    space = ' ' * (width - _width(cell))
    return cell + space if left else space + cell


def _width(cell: str) -> int:
    return sum(not unicodedata.combining(character) for character in cell)


def _line(cells: Sequence[str], between: str) -> str:
    return between.join(cells)
