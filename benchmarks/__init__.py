"""What the package costs a bot owner, beside the alternatives: make bench.

Each module answers one question; `lab` has what they share. No test depends
on a time that is measured here.
"""
