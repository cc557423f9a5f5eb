"""The most important figures as bars, readable in light and dark mode."""

from __future__ import annotations

import math
from html import escape

from benchmarks.authentication import EDIT, OAUTH1, OAUTH2, OURS, SMALL
from benchmarks.lab import duration
from benchmarks.start import IMPORT, LOGIN, SCRIPT


WIDTH, LEFT, RIGHT, STEP = 760, 240, 110, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 14px }
  .page { fill: #ffffff }
  .ours { fill: #0969da }
  .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .ours { fill: #4493f8 }
    .other { fill: #7d8590 }
  }
"""


def svg(figures):
    """Return the picture; what was not measured is left out."""
    body, y = [], 10
    for title, bars in _panels(figures):
        y += 24
        body.append(f'<text class="title" x="16" y="{y}">{title}</text>')
        for name, length, text in bars:
            y += STEP
            body += _bar(name, length, text, y)
        y += 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH}'
        f' {y + 10}" role="img" aria-label="Benchmark results">\n'
        f'<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{y + 10}" rx="6"/>\n'
        + '\n'.join(body)
        + '\n</svg>\n'
    )


def _panels(figures):
    for body in (SMALL, EDIT):
        times = {
            name: figures[f'{body}, {name}']
            for name in (OURS, OAUTH2, OAUTH1)
            if f'{body}, {name}' in figures
        }
        # Logarithmic, from 100 ns to 1 s.
        bars = [
            (name, math.log10(seconds / 1e-7) / 7, duration(seconds))
            for name, seconds in times.items()
        ]
        if bars:
            yield f'Authentication of a request, {body} (logarithmic)', bars
    bars = [
        (name, figures[f'{name}, ratio'] / 1.5, f'{value:.3f}')
        for name in (LOGIN, SCRIPT, IMPORT)
        if (value := figures.get(f'{name}, ratio'))
    ]
    if bars:
        yield 'Starting, times as long as without the package', bars


def _bar(name, length, text, y):
    kind = 'other' if name in (OAUTH2, OAUTH1) else 'ours'
    width = min(max(length, 0.005), 1) * (WIDTH - LEFT - RIGHT)
    return [
        f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">'
        f'{escape(name)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y - 13}" width="{width:.1f}"'
        ' height="17" rx="2"/>',
        f'<text x="{LEFT + width + 8:.1f}" y="{y}">{escape(text)}</text>',
    ]
