"""The most important figures as bars, readable in light and dark mode."""

from __future__ import annotations

import math

from benchmarks.authentication import BODIES, OAUTH1, OAUTH2, OURS
from benchmarks.lab import duration
from benchmarks.start import IMPORT, LOGIN, SCRIPT


WIDTH, LEFT, LENGTH, STEP = 760, 240, 400, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .page { fill: #ffffff } .ours { fill: #0969da } .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .ours { fill: #4493f8 }
  }
"""


def svg(figures):
    """Return the picture; what was not measured is left out."""
    bars = []
    for body in BODIES:
        title = f'Authentication of a request, {body} (logarithmic)'
        for name in (OURS, OAUTH2, OAUTH1):
            seconds = figures.get(f'{body}, {name}', 0)
            # From 100 ns to 1 s.
            length = math.log10(max(seconds, 1e-7) / 1e-7) / 7
            bars.append((title, name, length, duration(seconds)))
    title = 'Starting, times as long as without the package'
    for name in (LOGIN, SCRIPT, IMPORT):
        ratio = figures.get(f'{name}, ratio', 0)
        bars.append((title, name, ratio / 2, f'{ratio:.3f}'))
    y, last, body = 10, None, []
    for title, name, length, text in bars:
        if title != last:
            y, last = y + 36, title
            body.append(f'<text x="16" y="{y}">{title}</text>')
        y += STEP
        kind = 'other' if name in (OAUTH1, OAUTH2) else 'ours'
        width = length * LENGTH
        body += [
            f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">{name}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y - 13}" rx="2"'
            f' width="{width:.1f}" height="17"/>',
            f'<text x="{LEFT + width + 8:.1f}" y="{y}">{text}</text>',
        ]
    size = f'viewBox="0 0 {WIDTH} {y + 20}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    page = f'<rect class="page" width="{WIDTH}" height="{y + 20}" rx="6"/>'
    lines = [head, f'<style>{STYLE}</style>', page, *body, '</svg>']
    return '\n'.join([*lines, ''])
