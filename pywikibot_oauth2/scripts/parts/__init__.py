#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What the script is made of; in a folder where pwb finds no scripts."""
