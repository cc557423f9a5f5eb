#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The scripts that pwb finds here: "pwb oauth2"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    _Path = Path
else:
    # Before Python 3.12 the class Path itself cannot be derived from.
    _Path = type(Path())


class _Folder(_Path):
    """A folder for the entry point "scriptspath" of Pywikibot.

    Where pwb has found a script, it imports the package of messages by
    the stem of the folder, as if no folder lay in another package.
    """

    __slots__ = ()

    @property
    def stem(self) -> str:
        """The name of this package, or of a file what it is called."""
        return super().stem if self.suffix else __name__


#: The value of the entry point.
base_dir = _Folder(Path(__file__).parent)
