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
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> HiddenLine:
        self._fd = sys.stdin.fileno()
        try:
            self._mode = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            if threading.current_thread() is not threading.main_thread():
                # The signal would end only the main thread, which then
                # waits for this one: let Ctrl-C arrive as a key.
                mode[3] &= ~termios.ISIG
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, mode)
        except termios.error as error:
            raise OSError(*error.args) from error
        self._end_on_signals()
        return self

    def _end_on_signals(self) -> None:
        """Make SIGTERM and SIGHUP end Python, which restores the echo."""
        if threading.current_thread() is not threading.main_thread():
            return

        def end(number: int, _frame: FrameType | None) -> None:
            raise SystemExit(128 + number)

        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handlers[number] = signal.signal(number, end)

    def __exit__(self, *_: object) -> None:
        # Unread input is discarded: it may be the rest of a code.
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._mode)
        for number in self._handlers:
            signal.signal(number, signal.SIG_DFL)

    def poll(self, timeout: float) -> str | None:
        """Wait for a line.

        :param timeout: seconds to wait for more input
        :return: the line without its end, or None if it is not complete
        :raises EOFError: end of file on an empty line, or the terminal is
            gone
        :raises KeyboardInterrupt: Ctrl-C
        """
        if not self._is_complete():
            if not select.select([self._fd], [], [], timeout)[0]:
                return None
            self._unread += self._read()
            if not self._is_complete():
                return None
        line = ''.join(self._line)
        self._line.clear()
        sys.stderr.write(f'({len(line)} characters)\n')
        sys.stderr.flush()
        return line

    def _read(self) -> str:
        try:
            keys = os.read(self._fd, 4096)
        except OSError:  # EIO: another process has the terminal
            keys = b''
        if not keys:
            raise EOFError
        return self._decoder.decode(keys)

    def _is_complete(self) -> bool:
        """Process the keys; return whether a line has ended."""
        text = _SEQUENCE.sub('', self._unread)
        keys, end, self._unread = _partition(text)
        for key in keys:
            self._take(key)
        return bool(end)

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


def _partition(text: str) -> tuple[str, str, str]:
    """Split keys at the first end of a line.

    :return: the text before it, the end, and the text to process later: what
        follows, or an incomplete sequence
    """
    found = re.search(r'[\r\n]', text)
    if found is not None:
        return text[: found.start()], found[0], text[found.end() :]
    head, escape, rest = text.partition('\x1b')
    return head, '', escape + rest
