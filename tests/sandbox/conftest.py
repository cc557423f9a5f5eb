"""Show how many recorded cases were played, below the other results."""

from __future__ import annotations


def pytest_terminal_summary(terminalreporter):
    played = sorted(
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, 'user_properties', ())
        if name == 'recordings' and report.when == 'call'
    )
    if played:
        terminalreporter.write_line(f'recordings: {", ".join(played)}')
