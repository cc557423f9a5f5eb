#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What it costs, beside what users would pick instead: make bench.

Where the questions are: `in_process.py` the authentication of one request,
`fetch.py` the same within Pywikibot, `whole_process.py` a whole run of pwb,
`startup.py` the line in user-config.py, `expiry.py` an expiry and those who
wait for it, `sessions.py` a web tool's sessions, `m3api.py` the package for
Node that this one has its ways from. `candidates.py` holds what is compared,
`targets.py` what shall be reached, `workers.py` how a process of its own is
run, `table.py` and `plot.py` what the results look like.

No test depends on a time that is measured here.
"""
