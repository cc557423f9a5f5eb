"""Runs the commands of ``pwb oauth2`` without pwb."""

from pywikibot_oauth2.scripts.oauth2 import run


if __name__ == '__main__':
    run()
