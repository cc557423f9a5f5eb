"""Translations of messages; none so far, but pwb requires the package."""
