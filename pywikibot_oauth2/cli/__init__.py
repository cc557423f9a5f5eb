"""The actions of ``pwb oauth2``."""
