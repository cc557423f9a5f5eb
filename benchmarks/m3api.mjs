/**
 * m3api-oauth2, run by m3api.py in a folder where it is installed.
 *
 * Arguments: "cost" and "plain" or "oauth2"; or "edits", the address of an
 * api.php, client ID, client secret, access token and refresh token. Prints
 * JSON.
 */

import Session from 'm3api/node.js';

const [ what, ...rest ] = process.argv.slice( 2 );
const api = what === 'edits' ? rest[ 0 ] : 'https://wiki.example/w/api.php';
const session = new Session( api, { formatversion: 2 }, {
	userAgent: 'pywikibot-oauth2-benchmark',
	warn: () => {},
} );

async function authorize( id, secret, accessToken, refreshToken ) {
	const { OAuthClient, deserializeOAuthSession } =
		await import( 'm3api-oauth2' );
	session.defaultOptions[ 'm3api-oauth2/client' ] =
		new OAuthClient( id, secret );
	deserializeOAuthSession( session, { accessToken, refreshToken } );
}

if ( what === 'cost' ) {
	session.fetch = async () => new Response( '{"batchcomplete":true}', {
		headers: { 'Content-Type': 'application/json' },
	} );
	if ( rest[ 0 ] === 'oauth2' ) {
		await authorize( 'id', 'secret', 'a'.repeat( 900 ), 'r'.repeat( 876 ) );
	}
	const times = [];
	for ( let batch = 0; batch < 25; batch++ ) {
		const start = performance.now();
		for ( let index = 0; index < 200; index++ ) {
			await session.request( { action: 'query' } );
		}
		times.push( ( performance.now() - start ) / 200 / 1000 );
	}
	// The first ones are not compiled yet.
	console.log( JSON.stringify( times.slice( 5 ) ) );
} else {
	await authorize( ...rest.slice( 1 ) );
	for ( let number = 0; number < 2; number++ ) {
		await session.request(
			{ action: 'edit', title: 'Page 1', text: `edit ${ number }` },
			{ method: 'POST', tokenType: 'csrf', tokenName: 'token' },
		);
	}
	console.log( 'null' );
}
