"""Completes setup.cfg: links on the package index must be absolute."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup


FILES = 'https://github.com/pywikibot-oauth2/pywikibot-oauth2/blob/main/'
text = Path(__file__).with_name('README.md').read_text(encoding='utf-8')

setup(long_description=re.sub(r'\]\((?!https?:)', f']({FILES}', text))
