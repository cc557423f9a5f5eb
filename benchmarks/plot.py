"""The cost of authentication as bars, readable in light and dark mode."""

import math

from benchmarks.authentication import BODIES, OAUTH1, OAUTH2, OURS
from benchmarks.lab import duration


WIDTH, STEP = 760, 26
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .page { fill: #ffffff } .ours { fill: #0969da } .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .ours { fill: #4493f8 }
  }
"""


def svg(figures):
    """Return the picture, with a logarithmic scale from 100 ns to 1 s."""
    y, body = 10, []
    for form in BODIES:
        y += 36
        title = f'Authentication of a request, {form} (logarithmic scale)'
        body.append(f'<text x="16" y="{y}">{title}</text>')
        for name in (OURS, OAUTH2, OAUTH1):
            y += STEP
            seconds = figures.get(f'{form}, {name}', 1e-7)
            width = math.log10(seconds / 1e-7) / 7 * 400
            kind = 'ours' if name == OURS else 'other'
            body += [
                f'<text x="230" y="{y}" text-anchor="end">{name}</text>',
                f'<rect class="{kind}" x="240" y="{y - 13}" rx="2"'
                f' width="{width:.1f}" height="17"/>',
                f'<text x="{width + 248:.1f}" y="{y}">{duration(seconds)}'
                '</text>',
            ]
    size = f'viewBox="0 0 {WIDTH} {y + 20}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    page = f'<rect class="page" width="{WIDTH}" height="{y + 20}" rx="6"/>'
    style = f'<style>{STYLE}</style>'
    return '\n'.join([head, style, page, *body, '</svg>', ''])
