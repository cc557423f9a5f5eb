"""A Flask web tool whose visitors edit in their own names.

A visitor logs in with OAuth 2.0, sees their user name, and adds a line to a
page through Pywikibot. To try it with a wiki on your own machine::

    python -m examples.demo_webtool

To run it on a real wiki, register a client there with the callback URL
https://your.tool.example/callback. Run the tool behind a web server that
uses https and passes requests on only when it has read them completely, as
nginx does::

    export WEBTOOL_SITE=wikipedia:test
    export WEBTOOL_CLIENT_ID=… WEBTOOL_CLIENT_SECRET=…
    export WEBTOOL_REDIRECT_URI=https://your.tool.example/callback
    export WEBTOOL_FOLDER=/var/lib/webtool
    export PYWIKIBOT_NO_USER_CONFIG=2
    gunicorn --threads 8 'examples.webtool:create_app()'
"""

from __future__ import annotations

import hmac
import os
import secrets
from typing import TYPE_CHECKING

import pywikibot
import pywikibot.exceptions
from filelock import Timeout
from flask import Flask, abort, g, redirect, render_template_string, request

from examples.visits import Visit
from pywikibot_oauth2 import (
    AuthorizationEndedError,
    AuthorizationError,
    OAuth2Client,
    OAuth2Session,
    StoreError,
)


if TYPE_CHECKING:
    from werkzeug.wrappers import Response


PAGE = """\
<!DOCTYPE html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Add a line</title>
<h1>Add a line</h1>
{% if message %}<p role="alert">{{ message }}</p>{% endif %}
{% if profile %}
<p>You are {{ profile.username }}, in the groups
{{ profile.groups | join(', ') }}.</p>
<form method="post" action="/edit">
<input type="hidden" name="csrf" value="{{ csrf }}">
<p><label>Page <input name="title" required></label></p>
<p><label>Line <input name="line" required></label></p>
<button name="save">Save</button></form>
<form method="post" action="/logout">
<input type="hidden" name="csrf" value="{{ csrf }}">
<button name="logout">Log out</button></form>
{% else %}<p><a id="login" href="/login">Log in</a></p>{% endif %}
"""


def create_app() -> Flask:
    """Return the tool, as the environment variables configure it."""
    settings = {
        name: os.environ[f'WEBTOOL_{name}']
        for name in (
            'SITE',
            'CLIENT_ID',
            'CLIENT_SECRET',
            'REDIRECT_URI',
            'FOLDER',
        )
    }
    # Pywikibot makes bots wait between two edits; people do so anyway.
    pywikibot.config.put_throttle = 0
    # Pywikibot would ask for the answer in the terminal of the server.
    pywikibot.config.solve_captcha = False
    # Nobody is logged in here: this is only the wiki.
    wiki = pywikibot.Site(settings['SITE'])
    client = OAuth2Client(
        settings['CLIENT_ID'],
        settings['CLIENT_SECRET'],
        redirect_uri=settings['REDIRECT_URI'],
    )
    # Only a test on your own machine has no https.
    is_secure = settings['REDIRECT_URI'].startswith('https:')
    cookie = '__Host-visit' if is_secure else 'visit'
    app = Flask(__name__)
    app.config['MAX_CONTENT_LENGTH'] = 1 << 20

    @app.before_request
    def open_visit() -> None:
        # The form is read first: however slowly it comes, no other request
        # of the visitor waits for it.
        request.get_data(parse_form_data=True)
        g.visit = Visit(settings['FOLDER'], request.cookies.get(cookie))

    @app.after_request
    def send_cookie(response: Response) -> Response:
        if 'visit' in g and g.visit.is_new:
            response.set_cookie(
                cookie,
                g.visit.key,
                secure=is_secure,
                httponly=True,
                samesite='Lax',
            )
        response.headers['Cache-Control'] = 'no-store'
        response.headers['Content-Security-Policy'] = (
            "default-src 'none'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        )
        return response

    @app.teardown_request
    def close_visit(_error: BaseException | None) -> None:
        if 'visit' in g:
            g.visit.close()

    def session() -> OAuth2Session:
        """Return the session of a visitor who has logged in."""

        def keep(changed: OAuth2Session) -> None:
            # Keep a refreshed token at once: the old one no longer works.
            g.visit.save(session=changed.serialize())

        return OAuth2Session.deserialize(
            g.visit['session'], client, on_change=keep
        )

    def login_session() -> OAuth2Session:
        """Return the session of the pending login, or a new one.

        It is kept separately from that of a visitor who is logged in: a link
        to /login on somebody else's page must not log anybody out.
        """
        if 'login' in g.visit:
            return OAuth2Session.deserialize(g.visit['login'], client)
        return OAuth2Session(client, wiki)

    def check_csrf() -> None:
        """Refuse a form that this visitor did not get from us."""
        if (
            not hmac.compare_digest(
                g.visit.get('csrf', '').encode(),
                request.form.get('csrf', '').encode(),
            )
            or 'csrf' not in g.visit
        ):
            abort(403, 'This form is not yours, or you have logged out.')

    def page(message: str = '', status: int = 200) -> tuple[str, int]:
        visit = g.get('visit', {})
        return render_template_string(
            PAGE,
            message=message,
            profile=visit.get('profile'),
            csrf=visit.get('csrf'),
        ), status

    @app.get('/')
    def home() -> tuple[str, int]:
        return page()

    @app.get('/login')
    def login() -> Response:
        """Send the visitor to the wiki."""
        pending = login_session()
        address = pending.authorization_url()
        # It holds the state, so that no other visitor can send the answer.
        g.visit.save(login=pending.serialize())
        return redirect(address)

    @app.get('/callback')
    def callback() -> Response:
        """Take the visitor back from the wiki."""
        completed = login_session()
        completed.complete(request.full_path)
        profile = completed.profile()
        if profile is None:
            raise AuthorizationError('The wiki refuses its own token.')
        completed.user = str(profile['username'])
        # Anyone who knew the old key of the visit does not get logged in.
        g.visit.renew()
        g.visit.save(
            session=completed.serialize(),
            profile=profile,
            csrf=secrets.token_urlsafe(32),
        )
        return redirect('/')

    @app.post('/edit')
    def edit() -> tuple[str, int]:
        """Add a line to a page, in the visitor's name."""
        check_csrf()
        with session().use() as used:
            site = pywikibot.Site(settings['SITE'], user=used.user)
            target = pywikibot.Page(site, request.form['title'])
            is_saved = site.editpage(
                target,
                summary='Add a line',
                minor=False,
                bot=False,
                appendtext=f'\n{request.form["line"]}',
            )
        if not is_saved:
            return page(f'The wiki did not save {target.title()}.', 502)
        return page(f'Saved on {target.title()}: {request.form["line"]}')

    @app.post('/logout')
    def logout() -> Response:
        """Forget the visitor, but leave the authorization on the wiki.

        A user can revoke it there, at Special:OAuthManageMyGrants.
        """
        check_csrf()
        g.visit.forget()
        return redirect('/')

    @app.errorhandler(Timeout)
    def busy(_error: Timeout) -> tuple[str, int]:
        return page(
            'Your last request is still running. Try again later.', 503
        )

    @app.errorhandler(AuthorizationError)
    def not_authorized(error: AuthorizationError) -> tuple[str, int]:
        app.logger.warning('%s', error)
        return page(
            'You were not logged in: you clicked "Cancel", or you'
            ' did not come here from "Log in".',
            403,
        )

    # A StoreError means that the tool now has another client.
    @app.errorhandler(StoreError)
    @app.errorhandler(AuthorizationEndedError)
    def ended(_error: pywikibot.exceptions.Error) -> tuple[str, int]:
        g.visit.forget()
        return page(
            'The wiki no longer lets this tool act for you. Log in again.', 403
        )

    @app.errorhandler(pywikibot.exceptions.Error)
    def not_done(error: pywikibot.exceptions.Error) -> tuple[str, int]:
        return page(f'The wiki did not do that: {error}', 502)

    return app
