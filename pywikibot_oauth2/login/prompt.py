"""A hidden line from the terminal, read with a timeout."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING


try:
    import select
    import termios
    import tty
except ImportError:
    # On Windows, there is no known way to wait for a paste and for the
    # browser at the same time.
    termios = None  # type: ignore[assignment] # tested where it is used

if TYPE_CHECKING:
    from types import FrameType

# The sequences that a terminal sends for a key or around a paste.
_SEQUENCE = re.compile(r'\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.')


def is_terminal() -> bool:
    """Return whether standard input is a terminal."""
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it was closed
        return False


def can_paste() -> bool:
    """Return whether this system supports :class:`HiddenLine`."""
    return termios is not None


class HiddenLine:
    """Reads lines of any length, without showing them, from a terminal.

    A terminal in canonical mode truncates lines: after 1,024 bytes on macOS,
    and after 4,096 on Linux. Therefore, the mode is switched off, and the
    necessary editing is done here: deleting the last character or all.
    """

    def __init__(self) -> None:
        self._unread = ''
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')
        self._signals: list[int] = []

    def __enter__(self) -> HiddenLine:
        self._fd = sys.stdin.fileno()
        is_main = threading.current_thread() is threading.main_thread()
        self._mode = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        if not is_main:
            # The signal would end only the main thread, which then waits for
            # this one: let Ctrl-C arrive as a key.
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~termios.ISIG
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        ends = signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT
        for number in ends if is_main else ():
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _end)
                self._signals.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        # Unread input is discarded: it may be the rest of a code.
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._mode)
        for number in self._signals:
            signal.signal(number, signal.SIG_DFL)

    def poll(self, timeout: float) -> str | None:
        """Wait for a line, for at most this many seconds.

        :return: the line without its end, or None if it is not complete
        :raises EOFError: end of file on an empty line, or the terminal is gone
        """
        line = self._line()
        if line is None and select.select([self._fd], [], [], timeout)[0]:
            keys = b''
            with contextlib.suppress(OSError):
                # EIO: another process has the terminal.
                keys = os.read(self._fd, 4096)
            if not keys:
                raise EOFError
            self._unread += self._decoder.decode(keys)
            line = self._line()
        return line

    def _line(self) -> str | None:
        """Take the first line off what was typed, if it is complete."""
        keys, *rest = re.split('[\r\n]', self._unread, maxsplit=1)
        line = _edited(keys)
        if not rest:
            return None
        (self._unread,) = rest
        sys.stderr.write(f'({len(line)} characters)\n')
        sys.stderr.flush()
        return line


def _edited(keys: str) -> str:
    """Return the line that results from these keys."""
    line = ''
    for key in _SEQUENCE.sub('', keys):
        if key in '\b\x7f':
            line = line[:-1]
        elif key == '\x15':  # Ctrl-U
            line = ''
        elif key == '\x03':
            raise KeyboardInterrupt
        elif key == '\x04' and not line:
            raise EOFError
        elif key.isprintable():
            line += key
    return line


def _end(number: int, _frame: FrameType | None) -> None:
    """End Python, which restores the echo."""
    raise SystemExit(128 + number)
