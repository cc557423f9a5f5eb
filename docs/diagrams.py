"""The diagrams of the documentation, drawn when the site is built.

A page names one by the directive ``diagram``. The drawing becomes a part of
the page, so that it takes its colors from the theme, light or dark.
"""

from __future__ import annotations

from html import escape

from docutils import nodes
from docutils.parsers.rst import Directive


WIDTH = 560
ROW = 46

LOGIN = (
    ('Browser', 'pwb login', 'Wiki'),
    [
        (1, 0, 'opens the dialog'),
        (0, 2, 'you log in and click "Allow"'),
        (2, 0, 'redirects to http://127.0.0.1:8080/callback?code=…'),
        (0, 1, 'the callback, or your paste'),
        (1, 2, 'code, verifier, client secret'),
        (2, 1, 'access token, refresh token'),
        (1, 2, 'whose token is it?'),
        (2, 1, 'the name of your bot'),
        (1, 1, 'stores the token'),
    ],
)

REFRESH = (
    ('Script', 'Token file', 'Wiki'),
    [
        (0, 2, 'a request, with the access token'),
        (2, 0, 'the answer'),
        (0, 0, 'the token is due'),
        (0, 1, 'lock, and read again'),
        (0, 2, 'refresh token, client secret'),
        (2, 0, 'new access token, new refresh token'),
        (0, 1, 'replace the file, unlock'),
        (0, 2, 'the next request, with the new token'),
    ],
)

SHARED = (
    ('Bot A', 'Token file', 'Bot B', 'Wiki'),
    [
        (0, 1, 'lock'),
        (2, 1, 'waits for the lock'),
        (0, 3, 'refresh token'),
        (3, 0, 'new token'),
        (0, 1, 'new token, unlock'),
        (1, 2, 'the new token'),
        (2, 3, 'continues with it'),
    ],
)


class Diagram(Directive):
    """Shows a diagram; the argument is its name, the content its caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the drawing with its caption as the text alternative."""
        caption = ' '.join(self.content)
        drawing = DIAGRAMS[self.arguments[0]](caption)
        html = f'<div class="diagram">{drawing}</div>'
        return [nodes.raw('', html, format='html')]


def sequence(actors, messages, caption):
    """Draw who says what to whom, from top to bottom.

    :param actors: the names
    :param messages: tuples of sender and receiver, by their numbers, and
        what is said; an actor that sends to itself does something
    :param caption: what the diagram shows, for those who cannot see it
    """
    gap = WIDTH / len(actors)
    height = 60 + ROW * len(messages)
    parts = []
    for number, name in enumerate(actors):
        x = gap * (number + 0.5)
        parts += [
            f'<path class="line" d="M{x} 38V{height}"/>',
            f'<rect class="box" x="{x - 56}" y="6" width="112" height="32"'
            ' rx="6"/>',
            text(x, 27, name, 'actor'),
        ]
    for row, (sender, receiver, words) in enumerate(messages):
        y = 80 + ROW * row
        start, end = (gap * (number + 0.5) for number in (sender, receiver))
        if sender == receiver:
            width = 7 * len(words) + 24
            parts += [
                f'<rect class="box" x="{start - width / 2}" y="{y - 17}"'
                f' width="{width}" height="26" rx="6"/>',
                text(start, y + 1, words, 'small'),
            ]
            continue
        side = 1 if end > start else -1
        tip = end - side * 3
        parts += [
            f'<path class="arrow" d="M{start} {y}H{tip - side * 8}"/>',
            f'<path class="head" d="M{tip} {y}l{-side * 10} -5v10z"/>',
            text(_middle(start, end, words), y - 9, words, 'small'),
        ]
    return svg(height, parts, caption)


def _middle(start, end, words):
    """Return where words are centered, so that none leave the drawing."""
    half = 3.4 * len(words)
    return min(max((start + end) / 2, half + 4), WIDTH - half - 4)


def lifetime(caption):
    """Draw when a token is used, refreshed and dead."""
    parts = [
        '<rect class="valid" x="20" y="40" width="330" height="34"/>',
        '<rect class="due" x="350" y="40" width="80" height="34"/>',
        '<path class="line" d="M20 74H540"/>',
        text(185, 62, 'used as it is', ''),
        text(390, 62, 'due', ''),
        text(485, 62, 'dead', ''),
    ]
    for x, above, below in (
        (20, 'issued', '0'),
        (350, 'a minute before the expiry', '3 h 59 min'),
        (430, '', '4 h'),
    ):
        parts += [
            f'<path class="line" d="M{x} 28V84"/>',
            text(max(x, 24), 20, above, 'small'),
            text(x, 102, below, 'small'),
        ]
    return svg(112, parts, caption)


def text(x, y, words, kind):
    """Draw words that are centered at a point."""
    return (
        f'<text class="{kind}" x="{x}" y="{y}" text-anchor="middle">'
        f'{escape(words)}</text>'
    )


def svg(height, parts, caption):
    """Return a drawing of its parts."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(caption)}">{"".join(parts)}</svg>'
    )


DIAGRAMS = {
    'login': lambda caption: sequence(*LOGIN, caption),
    'refresh': lambda caption: sequence(*REFRESH, caption),
    'shared': lambda caption: sequence(*SHARED, caption),
    'lifetime': lifetime,
}
