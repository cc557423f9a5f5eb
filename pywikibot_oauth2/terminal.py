#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A line pasted into the terminal, while something else may come first."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from typing import TYPE_CHECKING


if sys.platform == 'win32':
    import msvcrt
else:
    import codecs
    import os
    import select
    import termios

if TYPE_CHECKING:
    from types import TracebackType

# Python does not see a Ctrl-C that comes right before it begins to wait.
_TURN_SECONDS = 0.2
# A key, or a sequence that a key or the paste itself sends (CSI or SS3);
# what may be the beginning of one waits for the rest.
_KEY = re.compile(
    r'(?P<partial>\x1b(\[[0-?]*[ -/]*|O)?\Z)'
    r'|\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|.',
    re.DOTALL,
)


def is_terminal() -> bool:
    """Tell whether there is a person at standard input who can be asked."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it was closed
        return False


if sys.platform == 'win32':

    class _Keyboard:
        """The keys of a Windows console. This was never tried on one."""

        def close(self) -> None:
            """Do nothing: there is no mode to restore."""

        def read(self, timeout: float) -> str:
            """Return what was typed, nothing after *timeout* seconds."""
            deadline = time.monotonic() + timeout
            while not msvcrt.kbhit():
                if time.monotonic() >= deadline:
                    return ''
                time.sleep(0.02)
            keys = ''
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in '\x00\xe0':  # the first half of a function key
                    msvcrt.getwch()
                else:
                    keys += key
            return keys
else:

    class _Keyboard:
        """The keys of a terminal, not echoed and not held back for a line.

        A terminal that collects lines cuts them off: at 1,024 bytes on
        macOS, at 4,096 on Linux.

        :raises OSError: standard input is no terminal
        """

        def __init__(self) -> None:
            self._fd = sys.stdin.fileno()
            self._decoder = codecs.getincrementaldecoder('utf-8')('replace')
            try:
                self._mode = termios.tcgetattr(self._fd)
                mode = termios.tcgetattr(self._fd)
                mode[3] &= ~(termios.ICANON | termios.ECHO)
                if threading.current_thread() is not threading.main_thread():
                    # The signal would end the main thread alone, which then
                    # waits for this one: let Ctrl-C come as a key.
                    mode[3] &= ~termios.ISIG
                mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, mode)
            except termios.error as error:
                raise OSError(*error.args) from error

        def close(self) -> None:
            """Restore the mode, and throw away what was not read."""
            with contextlib.suppress(termios.error):  # it was hung up
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._mode)

        def read(self, timeout: float) -> str:
            """Return what was typed, nothing after *timeout* seconds."""
            if not select.select([self._fd], [], [], timeout)[0]:
                return ''
            try:
                keys = os.read(self._fd, 4096)
            except OSError:  # EIO: another process has the terminal
                keys = b''
            if not keys:
                raise EOFError
            return self._decoder.decode(keys)


class PasteLine:
    """Reads lines, of any length and unseen, from standard input.

    Nothing is echoed since an authorization code is a secret; the length
    is written to standard error when a line is complete.

    :raises OSError: on entering, if standard input is no terminal
    """

    def __init__(self) -> None:
        self._line: list[str] = []
        self._unread = ''

    def __enter__(self) -> PasteLine:
        self._keyboard = _Keyboard()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._keyboard.close()

    def poll(self, timeout: float) -> str | None:
        """Wait for a line.

        :param timeout: how long to wait at most, in seconds
        :return: the line without its end, or None if none was completed
        :raises EOFError: end of file on an empty line, or a hang-up
        :raises KeyboardInterrupt: Ctrl-C, in the main thread
        """
        deadline = time.monotonic() + timeout
        while not self._complete():
            left = deadline - time.monotonic()
            keys = self._keyboard.read(max(min(left, _TURN_SECONDS), 0))
            if not keys and left <= 0:
                return None
            self._unread += keys
        line = ''.join(self._line)
        self._line.clear()
        sys.stderr.write(f'({len(line)} characters)\n')
        sys.stderr.flush()
        return line

    def _complete(self) -> bool:
        """Work through the keys up to the end of the line, if it came."""
        keys, self._unread = self._unread, ''
        for match in _KEY.finditer(keys):
            key = match[0]
            if match['partial'] is not None:
                self._unread = key
            elif key in '\r\n':
                self._unread = keys[match.end() :]
                return True
            elif key in '\b\x7f':
                del self._line[-1:]
            elif key == '\x15':  # Ctrl-U
                self._line.clear()
            elif key == '\x03':  # where it comes as a key, as on Windows
                raise KeyboardInterrupt
            elif key in '\x04\x1a' and not self._line:
                raise EOFError
            elif key.isprintable():
                self._line.append(key)
        return False
