//! The tables of the configuration file, each with what it says by default.

use std::{collections::BTreeMap, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use tapebase_http::{Origins, Proxies, Texts};

use crate::{
    Url, memory,
    secret::Secret,
    units::{duration, size},
};

/// How audio gets from S3 to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Downloads {
    /// They are sent to S3 with a link that is good for a while.
    Redirect,
    /// Through this program.
    Stream,
}

/// How to talk to S3, or to a store that is like it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// Whether the bucket goes into the path instead of the host's name.
    pub path_style: bool,
    /// Where clients reach the store, if that is elsewhere than this program does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_endpoint: Option<Url>,
    /// Which checksums the store verifies.
    pub checksums: Checksums,
    /// Whether the store writes on a condition.
    pub conditional: bool,
    /// The store's region, if that is not the one of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The access key for the store, if that is not what AWS is asked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// Its secret part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<Secret>,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            path_style: false,
            public_endpoint: None,
            checksums: Checksums::default(),
            conditional: true,
            region: None,
            access_key_id: None,
            secret_access_key: None,
        }
    }
}

/// Which checksums a store verifies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksums {
    /// SHA-256, as S3 does.
    #[default]
    Sha256,
    /// None it could be told.
    None,
}

/// What stands between clients and this program.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// The proxies whose `Forwarded` and `X-Forwarded-…` count.
    pub proxies: Proxies,
    /// The origins whose pages may use the API.
    pub allowed_origins: Origins,
}

/// Who may come in, and for how long.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether anybody may sign up.
    pub open_signup: bool,
    /// Whether knowing a social id is enough to come in.
    pub trust_social_ids: bool,
    /// Whether users show that they read the mail of their address.
    pub email_verification: EmailVerification,
    /// How long an unused session lasts.
    #[serde(with = "duration")]
    pub session_idle: Duration,
    /// How long any session lasts.
    #[serde(with = "duration")]
    pub session_absolute: Duration,
    /// The OpenID providers whose users may sign in, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub oidc: BTreeMap<String, OidcConfig>,
}

/// Whether users show that they read the mail of their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailVerification {
    /// Who wants to.
    Off,
    /// They are mailed a code, and may use the address all the same.
    Asked,
    /// Before they come in by it.
    Required,
}

/// An OpenID provider; what is not said of one that many apps use is known.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// What it calls itself: a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The client ids of the apps whose users may sign in.
    pub audiences: Texts,
    /// How it signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Texts>,
    /// Where its keys are, unless it says so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// What it knows this server as, for browsers that sign in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What proves that, where the provider has given a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// Of Apple: the team whose key signs client secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// What Apple calls the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The key itself, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<Secret>,
    /// The `social_type` of the 2018 routes that it proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub social_type: Option<String>,
}

/// How mail is sent; none is unless this says how.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// The mail server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Url>,
    /// Whom mail is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What opens the app where a new password is chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_link: Option<String>,
    /// What opens the app where an address is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_link: Option<String>,
    /// What opens the app where whoever is invited signs up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_link: Option<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            open_signup: true,
            trust_social_ids: false,
            email_verification: EmailVerification::Off,
            session_idle: Duration::from_hours(30 * 24),
            session_absolute: Duration::from_hours(8_766),
            oidc: BTreeMap::new(),
        }
    }
}

/// How much is taken.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The most bytes of one recording.
    #[serde(deserialize_with = "size")]
    pub recording: ByteSize,
    /// The most bytes of one user's recordings together.
    #[serde(deserialize_with = "size")]
    pub quota: ByteSize,
    /// The most recordings of one user, those under way among them.
    pub recordings: u64,
    /// The most uploads that one user has under way.
    pub uploads: u64,
    /// The most sessions of one user.
    pub sessions: u64,
    /// The most connections at once.
    pub connections: usize,
    /// The most connections of one client address at once.
    pub connections_per_address: usize,
    /// The most requests that prove nothing of one client address in a minute; any number if 0.
    pub requests_per_address: u32,
    /// The most requests of one user in a minute; any number if 0.
    pub requests_per_user: u32,
    /// The most wrong passwords of one client address in an hour; any number if 0.
    pub wrong_passwords_per_address: u32,
    /// The most accounts that one client address makes in an hour; any number if 0.
    pub sign_ups_per_address: u32,
    /// The most bytes of bodies in memory at once.
    #[serde(deserialize_with = "size")]
    pub memory: ByteSize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            recording: ByteSize::gib(4),
            quota: ByteSize::gib(100),
            recordings: 1_000_000,
            uploads: 1_000,
            sessions: 100,
            connections: 4_096,
            connections_per_address: 512,
            requests_per_address: 600,
            requests_per_user: 0,
            wrong_passwords_per_address: 240,
            sign_ups_per_address: 60,
            memory: memory::quarter(),
        }
    }
}

/// How long is waited.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// For the whole head of a request.
    #[serde(with = "duration")]
    pub head: Duration,
    /// For the next few kilobytes of a body.
    #[serde(with = "duration")]
    pub body: Duration,
    /// For a client that does not take what it asked for.
    #[serde(with = "duration")]
    pub send: Duration,
    /// For the next request on a connection.
    #[serde(with = "duration")]
    pub keep_alive: Duration,
    /// For whoever sends requests to learn that no more are to be sent, once told to stop.
    #[serde(with = "duration")]
    pub drain: Duration,
    /// For requests in flight, after that.
    #[serde(with = "duration")]
    pub shutdown: Duration,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            send: Duration::from_mins(2),
            keep_alive: Duration::from_secs(30),
            drain: Duration::ZERO,
            shutdown: Duration::from_secs(30),
        }
    }
}

/// When those who leave are erased.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErasureConfig {
    /// For how long somebody who has left can be let in again.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// For how long backups are kept, as those who leave are told; nothing if they are not to be told.
    #[serde(with = "duration")]
    pub backups_kept: Duration,
}

/// How leftovers of crashes are removed.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    /// How often.
    #[serde(with = "duration")]
    pub every: Duration,
    /// How old audio without a recording must be; longer than any upload takes.
    #[serde(with = "duration")]
    pub grace: Duration,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self { every: Duration::from_hours(1), grace: Duration::from_hours(24) }
    }
}

/// What is remembered of changes.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangesConfig {
    /// For how long it is remembered what was deleted.
    #[serde(with = "duration")]
    pub deleted: Duration,
}

impl Default for ChangesConfig {
    fn default() -> Self {
        Self { deleted: Duration::from_hours(180 * 24) }
    }
}

/// What is logged.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A `tracing` filter, such as `info` or `tapebase_http=debug,warn`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info,actix_server=warn,rusqlite_migration=warn".to_owned() }
    }
}

/// How AWS Lambda is answered; the server does not look at it.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LambdaConfig {
    /// Whether answers go out piece by piece.
    pub stream: bool,
}
