"""The scripts for pwb: "pwb oauth2"."""

from __future__ import annotations

from pathlib import Path


class _Folder(type(Path())):  # type: ignore[misc] # Path cannot be derived from before Python 3.12
    """A folder for the entry point "scriptspath" of Pywikibot.

    To find the messages of a script, pwb imports a package by the stem of
    the script's folder, as if it were always a top-level package.
    """

    __slots__ = ()

    @property
    def stem(self) -> str:
        """The name of this package; for a file, its own stem."""
        return str(super().stem) if self.suffix else __name__


#: The value of the entry point.
base_dir = _Folder(Path(__file__).parent)
