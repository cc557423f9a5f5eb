#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The pages that the browser shows at the end of a login."""

from __future__ import annotations

import html
import string


#: What goes along with each page: nobody keeps it, and nothing is loaded.
HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
}

_PAGE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --good: #1b7f3b; --bad: #b32424 }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem;
  margin: 12vh auto; padding: 0 1.25rem; overflow-wrap: anywhere;
  background: #fff; color: #202122 }
h1 { font-size: 1.5rem; line-height: 1.25 }
p { white-space: pre-line }
.good { color: var(--good) }
.bad { color: var(--bad) }
@media (prefers-color-scheme: dark) {
  :root { --good: #6fdc8c; --bad: #ff9c9c }
  body { background: #15181c; color: #eaecf0 }
}
</style>
<main>
<h1><span class="$kind" role="img" aria-label="$label">$mark</span> $title</h1>
<p>$text</p>
</main>
</html>
""")
_GOOD = {'kind': 'good', 'label': 'Success:', 'mark': '&#10003;'}
_BAD = {'kind': 'bad', 'label': 'Failure:', 'mark': '&#10005;'}

# Titles and texts, for whoever comes to the listener uncalled.
DONE = 'This login is already done', 'This page may be closed.'
ENDED = (
    'The login has ended',
    'The terminal says what became of it. This page may be closed.',
)
FOREIGN = (
    'Not the login that waits',
    'This address does not belong to the login that waits in the '
    'terminal. Open the address that the terminal shows.',
)
NOTHING = (
    'Nothing here',
    'Pywikibot waits for the end of a login, and '
    'has nothing to show at this address.',
)


def render(ok: bool, title: str, text: str) -> bytes:
    """Return a page.

    :param ok: whether it tells of a success
    :param title: its heading, as plain text
    :param text: the rest of it, as plain text
    """
    return _PAGE.substitute(
        _GOOD if ok else _BAD, title=html.escape(title), text=html.escape(text)
    ).encode('utf-8', 'replace')
