#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Examples to copy: a web tool, and asynchronous code."""
