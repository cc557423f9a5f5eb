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

    :raises OSError: on entering, if standard input is not a terminal
    """

    def __init__(self) -> None:
        self._line: list[str] = []
        self._unread = ''
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')
        self._signals: list[int] = []

    def __enter__(self) -> HiddenLine:
        self._fd = sys.stdin.fileno()
        is_main = threading.current_thread() is threading.main_thread()
        try:
            self._mode = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            if not is_main:
                # The signal would end only the main thread, which then
                # waits for this one: let Ctrl-C arrive as a key.
                mode[3] &= ~termios.ISIG
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, mode)
        except termios.error as error:
            raise OSError(*error.args) from error
        for number in (signal.SIGTERM, signal.SIGHUP) if is_main else ():
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
        if not self._is_complete():
            if not select.select([self._fd], [], [], timeout)[0]:
                return None
            keys = b''
            with contextlib.suppress(OSError):
                # EIO: another process has the terminal.
                keys = os.read(self._fd, 4096)
            if not keys:
                raise EOFError
            self._unread += self._decoder.decode(keys)
            if not self._is_complete():
                return None
        line = ''.join(self._line)
        self._line.clear()
        sys.stderr.write(f'({len(line)} characters)\n')
        sys.stderr.flush()
        return line

    def _is_complete(self) -> bool:
        """Process the keys; return whether a line has ended."""
        text = _SEQUENCE.sub('', self._unread)
        keys, *rest = re.split('[\r\n]', text, maxsplit=1)
        if not rest:
            # A sequence may be incomplete.
            keys, escape, more = text.partition('\x1b')
        self._unread = rest[0] if rest else escape + more
        for key in keys:
            self._take(key)
        return bool(rest)

    def _take(self, key: str) -> None:
        """Add a character to the line, or do what a control key means."""
        if key in '\b\x7f':
            del self._line[-1:]
        elif key == '\x15':  # Ctrl-U
            self._line.clear()
        elif key == '\x03':
            raise KeyboardInterrupt
        elif key == '\x04' and not self._line:
            raise EOFError
        elif key.isprintable():
            self._line.append(key)


def _end(number: int, _frame: FrameType | None) -> None:
    """End Python, which restores the echo."""
    raise SystemExit(128 + number)
