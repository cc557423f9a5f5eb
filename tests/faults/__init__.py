"""Every fault around a token, injected for real: make faults.

A bot here edits as Pywikibot does: each write carries ``assert=user``, and
if that fails, Pywikibot's login manager is asked. Bots run in the process of
the test, where their clocks can be set, unless the fault is that they die.
"""
