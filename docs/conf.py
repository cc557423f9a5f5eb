"""The settings of Sphinx: run ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path


sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from diagrams import Diagram  # noqa: E402 - found by the line above

import pywikibot_oauth2  # noqa: E402 - likewise


project = 'pywikibot-oauth2'
author = 'pywikibot-oauth2 authors'
copyright = f'2026, {author}'  # noqa: A001 - Sphinx calls it this
release = version = pywikibot_oauth2.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx_copybutton']
exclude_patterns = ['manual-page.wiki', 'pywikibot-table.rst']
myst_heading_anchors = 3
copybutton_exclude = '.linenos, .gp, .go'

nitpicky = True
# Types of other projects, whose documentation is not at hand when this one
# is built, and types that a user need not know.
nitpick_ignore_regex = [
    ('py:class', r'(collections|contextlib|os|pathlib|pywikibot)\..*'),
    ('py:class', 'pywikibot_oauth2.token.Token|BaseSite|Options'),
]

autodoc_class_signature = 'mixed'
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented_params'

html_theme = 'furo'
html_title = f'pywikibot-oauth2 {release}'
html_static_path = ['_static']
html_css_files = ['custom.css']
html_copy_source = False


def setup(app: object) -> None:
    """Add the directive ``diagram`` to Sphinx."""
    app.add_directive('diagram', Diagram)
