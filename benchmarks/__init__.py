"""What the package costs a bot owner, beside the alternatives: make bench.

Each module answers one question: `authentication` what a request costs,
`expiry` what an expiry costs, `start` what starting costs, `waiting` how
long processes wait for the one that renews the token, `sessions` what a
session of a web tool costs, and `m3api` what m3api-oauth2 costs. `lab` has
what they share, and `plot` draws the picture.

No test depends on a time that is measured here.
"""
