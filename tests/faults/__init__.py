#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Every fault around a token, injected for real: python -m tests.faults.

Each function with the decorator :func:`table.fault` injects one kind of fault,
as often as it opens a :meth:`lab.Lab.case`, and says what must come out of it.
A bot here edits as Pywikibot does: each write carries ``assert=user``, and
if that fails, Pywikibot's login manager is asked.
"""
# ruff: noqa: I001 - they fill the table in this order
from __future__ import annotations

import os
import tempfile


# What runs here reads no configuration of the user.
os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')
os.environ.setdefault('PYWIKIBOT_DIR', tempfile.gettempdir())

from tests.faults import killed, tokenfile, disk, clock, endpoint
from tests.faults import tokens, certificates, ended


__all__ = ['certificates', 'clock', 'disk', 'ended', 'endpoint', 'killed',
           'tokenfile', 'tokens']
