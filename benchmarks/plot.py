#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The figures as a picture that is readable in light and dark mode."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.candidates import FLOOR, OAUTH1, OAUTH2, OURS, SMALL
from benchmarks.table import duration
from benchmarks.whole_process import COOKIES, EDIT, EXPIRED, PASSWORD, VALID
from benchmarks.whole_process import OAUTH1 as OAUTH1_LOGIN


if TYPE_CHECKING:
    from collections.abc import Mapping


WIDTH = 760
LEFT = 240  # where bars begin
RIGHT = 110  # what is kept free for the text behind the longest bar
STEP = 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .page { fill: #ffffff }
  .ours { fill: #0969da }
  .other { fill: #8c959f }
  .post { opacity: .55 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .ours { fill: #4493f8 }
    .other { fill: #7d8590 }
  }
"""


class Bar(NamedTuple):
    """A bar of one or two parts, each of a length from 0 to 1."""

    name: str
    lengths: tuple[float, ...]
    text: str
    is_ours: bool


def svg(figures: Mapping[str, float]) -> str:
    """Return the picture; what was not measured is left out."""
    body, y = [], 10
    for title, bars in (*_authentication(figures), *_requests(figures)):
        y += 24
        body.append(
            f'<text class="title" x="16" y="{y}">{escape(title)}</text>'
        )
        for bar in bars:
            y += STEP
            body += _bar(bar, y)
        y += 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH}'
        f' {y + 10}" role="img" aria-label="Benchmark results">\n'
        f'<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{y + 10}" rx="6"/>\n'
        + '\n'.join(body)
        + '\n</svg>\n'
    )


def _authentication(
    figures: Mapping[str, float],
) -> list[tuple[str, list[Bar]]]:
    """Return the times of one authentication, on a logarithmic scale."""
    panels = []
    for body in (SMALL, '300 kB edit, Cyrillic'):
        found = {
            name: figures[f'{body}, {name}']
            for name in (FLOOR, OURS, OAUTH2, OAUTH1)
            if f'{body}, {name}' in figures
        }
        if found:
            panels.append(
                (
                    f'Authentication of one request, {body} (logarithmic)',
                    [
                        Bar(
                            name,
                            (_logarithmic(seconds),),
                            duration(seconds),
                            name == OURS,
                        )
                        for name, seconds in found.items()
                    ],
                )
            )
    return panels


def _logarithmic(seconds: float) -> float:
    """Return the length of a bar between 100 ns and 1 s."""
    return min(max(math.log10(seconds / 1e-7) / 7, 0.005), 1)


def _requests(figures: Mapping[str, float]) -> list[tuple[str, list[Bar]]]:
    """Return how many requests a script sends, GET and POST."""
    found = {
        way: (figures[f'{EDIT}, {way}, GET'], figures[f'{EDIT}, {way}, POST'])
        for way in (VALID, EXPIRED, COOKIES, PASSWORD, OAUTH1_LOGIN)
        if f'{EDIT}, {way}, GET' in figures
    }
    if not found:
        return []
    most = max(map(sum, found.values()))
    return [
        (
            'Requests of a script that makes one edit (GET, then POST)',
            [
                Bar(
                    way,
                    (get / most, post / most),
                    f'{get:.0f} + {post:.0f}',
                    way.startswith('ours'),
                )
                for way, (get, post) in found.items()
            ],
        )
    ]


def _bar(bar: Bar, y: int) -> list[str]:
    kind = 'ours' if bar.is_ours else 'other'
    lines = [
        f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">'
        f'{escape(bar.name)}</text>'
    ]
    x: float = LEFT
    for number, length in enumerate(bar.lengths):
        width = length * (WIDTH - LEFT - RIGHT)
        lines.append(
            f'<rect class="{kind}{" post" * bool(number)}" x="{x:.1f}"'
            f' y="{y - 13}" width="{width:.1f}" height="17" rx="2"/>'
        )
        x += width
    lines.append(f'<text x="{x + 8:.1f}" y="{y}">{escape(bar.text)}</text>')
    return lines
