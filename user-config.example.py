# Pywikibot's configuration with OAuth 2.0, for a bot called "Bot".
#
# "pwb oauth2 -setup" writes such a file for you. To do it by hand, copy this
# file to user-config.py in the folder that Pywikibot uses ("pwb version"
# prints it), change the values in quotes, and run "pwb login". Nobody else
# should be able to read the file: chmod 600 user-config.py

# The wiki you work on, and the account the bot edits with.
family = 'wikipedia'
mylang = 'en'
usernames['wikipedia']['en'] = 'Bot'

# The same account on other wikis; '*' stands for all languages of a family.
# usernames['wikipedia']['*'] = 'Bot'
# usernames['commons']['commons'] = 'Bot'
# usernames['wikidata']['wikidata'] = 'Bot'

# These lines turn OAuth 2.0 on. The name begins with an underscore, because
# Pywikibot warns about names that it does not know.
import pywikibot_oauth2 as _oauth2

authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(
    '0123456789abcdef0123456789abcdef',
    'client secret',
    redirect_uri='http://127.0.0.1:8080/callback',
)

# The client ID and the client secret are what the wiki showed when you
# registered the client (README.md, "Manual setup"). A client registered as
# not confidential has no secret: leave the second value out.
#
# redirect_uri is the callback URL, exactly as registered. Without it, the wiki
# uses the registered one, but you have to paste the address of the last page,
# and a click on "Cancel" is not noticed.

# If others can see this file, keep the credentials elsewhere:
# authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth.from_file(
#     '.pywikibot-oauth2.json', redirect_uri='http://127.0.0.1:8080/callback')

# Other wikis that accept the same client share the authorization, and you
# click "Allow" only once:
# authenticate['*.wikimedia.org'] = authenticate['*.wikipedia.org']
# authenticate['*.wikidata.org'] = authenticate['*.wikipedia.org']

# An owner-only client needs nothing but its access token:
# authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(access_token='eyJ0…')

# More options of OAuth2Auth, with their defaults:
#
#     login_timeout=300   seconds that "pwb login" waits for the browser
#     store=None          where the token is kept; None is a file next to
#                         Pywikibot's cookies, pywikibot-Bot.oauth2.json.
#                         In another folder:
#                         store=_oauth2.FileStore(folder='~/.oauth2')
#                         For bots on several machines:
#                         store=_oauth2.RedisStore('rediss://host/0')
#                         For the keyring of the operating system:
#                         store=_oauth2.KeyringStore()
