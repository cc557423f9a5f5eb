/**
 * (C) pywikibot-oauth2 authors, 2026
 *
 * Distributed under the terms of the MIT license.
 *
 * What m3api-oauth2 costs: see m3api.py, which runs this in a folder where
 * the packages are installed.
 *
 * Arguments: "cost", "plain" or "oauth2", and a number of requests; or
 * "expiry", the address of an api.php, client ID, secret, access token and
 * refresh token. Prints JSON.
 */

import Session from 'm3api/node.js';

const [ what, ...rest ] = process.argv.slice( 2 );
const userAgent = 'pywikibot-oauth2-benchmark';

function canned( session ) {
	session.fetch = async () => new Response( '{"batchcomplete":true}', {
		headers: { 'Content-Type': 'application/json' },
	} );
	return session;
}

async function authorized( session, id, secret, accessToken, refreshToken ) {
	const { OAuthClient, deserializeOAuthSession } =
		await import( 'm3api-oauth2' );
	session.defaultOptions[ 'm3api-oauth2/client' ] =
		new OAuthClient( id, secret );
	deserializeOAuthSession( session, { accessToken, refreshToken } );
	return session;
}

if ( what === 'cost' ) {
	const session = canned( new Session( 'https://wiki.example/w/api.php', {
		formatversion: 2,
	}, { userAgent } ) );
	if ( rest[ 0 ] === 'oauth2' ) {
		await authorized( session, 'id', 'secret',
			'a'.repeat( 800 ), 'r'.repeat( 872 ) );
	}
	const number = Number( rest[ 1 ] );
	const times = [];
	for ( let batch = 0; batch < 25; batch++ ) {
		const start = performance.now();
		for ( let index = 0; index < number; index++ ) {
			await session.request( { action: 'query' } );
		}
		times.push( ( performance.now() - start ) / number / 1000 );
	}
	// The first ones are not compiled yet.
	console.log( JSON.stringify( times.slice( 5 ) ) );
} else {
	const [ url, ...credentials ] = rest;
	const session = await authorized( new Session( url, {
		formatversion: 2,
	}, { userAgent } ), ...credentials );
	const start = performance.now();
	await session.request( { action: 'query', meta: 'userinfo' } );
	console.log( JSON.stringify( ( performance.now() - start ) / 1000 ) );
}
