"""What ``pwb oauth2`` does, apart from reading its options."""
