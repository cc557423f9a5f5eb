<?php
/*
 * The configuration of MediaWiki behind the sandbox: what the installer
 * wrote, and on top of it what the tests need. The environment says where
 * things are.
 */

use MediaWiki\MediaWikiServices;
use MediaWiki\Session\SessionBackend;
use MediaWiki\Session\SessionInfo;
use MediaWiki\Session\SessionManager;
use MediaWiki\Session\SessionProvider;
use MediaWiki\Session\UserInfo;

$sandboxFolder = getenv( 'SANDBOX_FOLDER' );
require "$sandboxFolder/LocalSettings.php";

$wgServer = getenv( 'SANDBOX_SERVER' );
$wgScriptPath = '';

// Several processes write to one file; the caches are in files of their own.
$wgSQLiteDataDir = "$sandboxFolder/data";
$wgCacheDirectory = "$sandboxFolder/cache";
$wgLocalisationCacheConf['store'] = 'array';
$wgMainCacheType = CACHE_NONE;
$wgSessionCacheType = CACHE_DB;

$wgEnableUploads = true;
$wgUploadDirectory = "$sandboxFolder/images";
$wgUploadPath = '/images';
$wgUseImageMagick = false;
$wgMaxUploadSize = 100 * 1024 * 1024;

$wgEnableEmail = false;
$wgPingback = false;
$wgRateLimits = [];
$wgPasswordAttemptThrottle = [];
$wgShowExceptionDetails = true;

/**
 * Gives each access token a session of its own, with the rights of the
 * grants, as the session provider of Extension:OAuth does. The sandbox has
 * checked the token, and says in headers what it found.
 */
class SandboxSessionProvider extends SessionProvider {

	public function provideSessionInfo( WebRequest $request ) {
		$name = $request->getHeader( 'X-Sandbox-User' );
		if ( $name === false ) {
			return null;
		}
		$grants = explode( '|', $request->getHeader( 'X-Sandbox-Grants' ) );
		return new SessionInfo( SessionInfo::MAX_PRIORITY, [
			'provider' => $this,
			'id' => $this->hashToSessionId(
				$request->getHeader( 'X-Sandbox-Token' ) ),
			'userInfo' => UserInfo::newFromName( $name, true ),
			'persisted' => false,
			'forceUse' => true,
			'metadata' => [
				'rights' => MediaWikiServices::getInstance()
					->getGrantsInfo()->getGrantRights( $grants ),
				'tags' => explode( '|',
					$request->getHeader( 'X-Sandbox-Tags' ) ),
			],
		] );
	}

	public function getAllowedUserRights( SessionBackend $backend ) {
		return $backend->getProviderMetadata()['rights'];
	}

	public function persistsSessionId() {
		return false;
	}

	public function canChangeUser() {
		return false;
	}

	public function persistSession(
		SessionBackend $session, WebRequest $request
	) {
	}

	public function unpersistSession( WebRequest $request ) {
	}
}

$wgSessionProviders['sandbox'] = [ 'class' => SandboxSessionProvider::class ];

// As Extension:OAuth does, what is done under a client gets its tags.
$wgHooks['RecentChange_save'][] = static function ( RecentChange $change ) {
	$session = SessionManager::getGlobalSession();
	if ( $session->getProvider() instanceof SandboxSessionProvider ) {
		$change->addTags( $session->getProviderMetadata()['tags'] );
	}
};
