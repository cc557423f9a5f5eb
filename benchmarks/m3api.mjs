// Two edits by m3api-oauth2, run by m3api.py in a folder where it is
// installed. Arguments: the address of an api.php, client ID, client secret,
// access token and refresh token.

import Session from 'm3api/node.js';
import { OAuthClient, deserializeOAuthSession } from 'm3api-oauth2';

const [ api, id, secret, accessToken, refreshToken ] = process.argv.slice( 2 );
const session = new Session( api, { formatversion: 2 }, {
	userAgent: 'pywikibot-oauth2-benchmark',
	'm3api-oauth2/client': new OAuthClient( id, secret ),
} );
deserializeOAuthSession( session, { accessToken, refreshToken } );
for ( let number = 0; number < 2; number++ ) {
	await session.request(
		{ action: 'edit', title: 'Page 1', text: `edit ${ number }` },
		{ method: 'POST', tokenType: 'csrf', tokenName: 'token' },
	);
}
