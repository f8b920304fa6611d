//! Configuration: `tapebase.toml`, then `TAPEBASE_…` in the environment; a key nobody knows is an error.

mod environment;
mod listen;
pub mod logging;
mod memory;
mod url;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use bytesize::ByteSize;
use chrono::TimeDelta;
use config::{ConfigBuilder, File, FileFormat, builder::DefaultState};
use serde::{Deserialize, Serialize};
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::{
    Policy, auth::AuthPolicy, changes::WaitPolicy, history::Retention, memory::Budget, quota::Quota, upload::Limits,
};
use tapebase_http::{HttpPolicy, Proxies, PublicUrl};

pub use self::{
    listen::{InvalidListen, Listen},
    url::Url,
};

/// Everything an operator may decide; `docs/configuration.md` explains each.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where clients find the server; as requests say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<PublicUrl>,
    /// Whether the clients of the 2018 server find its routes.
    pub routes_2018: bool,
    /// Where everything is kept that has no place of its own.
    pub data_dir: PathBuf,
    /// Where rows are kept; in the data folder otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Url>,
    /// Where audio is kept; in the data folder otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<Url>,
    /// How audio gets from S3 to clients; through this program otherwise, and past a Lambda function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<Downloads>,
    /// How to talk to S3.
    pub s3: S3Config,
    /// What stands in front.
    pub http: HttpConfig,
    /// Who may come in.
    pub auth: AuthConfig,
    /// How much is taken.
    pub limits: LimitsConfig,
    /// How long is waited.
    pub timeouts: TimeoutsConfig,
    /// How leftovers are removed.
    pub sweep: SweepConfig,
    /// What is remembered of changes.
    pub changes: ChangesConfig,
    /// What is logged.
    pub log: LogConfig,
    /// How AWS Lambda is answered.
    pub lambda: LambdaConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::new("127.0.0.1", 8_080),
            public_url: None,
            routes_2018: true,
            data_dir: PathBuf::from("tapebase-data"),
            records: None,
            blobs: None,
            downloads: None,
            s3: S3Config::default(),
            http: HttpConfig::default(),
            auth: AuthConfig::default(),
            limits: LimitsConfig::default(),
            timeouts: TimeoutsConfig::default(),
            sweep: SweepConfig::default(),
            changes: ChangesConfig::default(),
            log: LogConfig::default(),
            lambda: LambdaConfig::default(),
        }
    }
}

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
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// Whether the bucket goes into the path instead of the host's name.
    pub path_style: bool,
    /// Where clients reach the store, if that is elsewhere than this program does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_endpoint: Option<Url>,
    /// Which checksums the store verifies.
    pub checksums: Checksums,
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
}

/// Who may come in, and for how long.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether anybody may sign up.
    pub open_signup: bool,
    /// Whether knowing a social id is enough to come in.
    pub trust_social_ids: bool,
    /// How long an unused session lasts.
    #[serde(with = "humantime_serde")]
    pub session_idle: Duration,
    /// How long any session lasts.
    #[serde(with = "humantime_serde")]
    pub session_absolute: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            open_signup: true,
            trust_social_ids: false,
            session_idle: Duration::from_hours(30 * 24),
            session_absolute: Duration::from_hours(8_766),
        }
    }
}

/// How much is taken.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The most bytes of one recording.
    pub recording: ByteSize,
    /// The most bytes of one user's recordings together.
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
    /// The most bytes of bodies in memory at once.
    pub memory: ByteSize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            recording: ByteSize::gib(4),
            quota: ByteSize::gib(100),
            recordings: 1_000_000,
            uploads: 1_000,
            sessions: 1_000,
            connections: 4_096,
            connections_per_address: 512,
            memory: memory::quarter(),
        }
    }
}

/// How long is waited.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// For the whole head of a request.
    #[serde(with = "humantime_serde")]
    pub head: Duration,
    /// For the next few kilobytes of a body.
    #[serde(with = "humantime_serde")]
    pub body: Duration,
    /// For a client that does not take what it asked for.
    #[serde(with = "humantime_serde")]
    pub send: Duration,
    /// For the next request on a connection.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// For requests in flight, once told to stop.
    #[serde(with = "humantime_serde")]
    pub shutdown: Duration,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            send: Duration::from_mins(2),
            keep_alive: Duration::from_secs(30),
            shutdown: Duration::from_secs(30),
        }
    }
}

/// How leftovers of crashes are removed.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    /// How often.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// How old audio without a recording must be; longer than any upload takes.
    #[serde(with = "humantime_serde")]
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
    #[serde(with = "humantime_serde")]
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

impl Config {
    /// Reads the file, if it is there or was named, and the environment, which wins.
    ///
    /// # Errors
    /// If a source cannot be read, or a setting is unknown or out of range.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let source = match file {
            Some(path) => File::from(path).format(FileFormat::Toml),
            None => File::new("tapebase.toml", FileFormat::Toml).required(false),
        };
        Self::read(config::Config::builder().add_source(source))
    }

    /// Reads the environment alone.
    ///
    /// # Errors
    /// If a setting is unknown or out of range.
    pub fn from_environment() -> anyhow::Result<Self> {
        Self::read(config::Config::builder())
    }

    fn read(files: ConfigBuilder<DefaultState>) -> anyhow::Result<Self> {
        let config = files.add_source(environment::source()?).build();
        let config: Self = config.and_then(config::Config::try_deserialize).with_context(|| {
            "bad configuration (in tapebase.toml, or in a TAPEBASE_ variable, where two underscores stand for the dot)"
        })?;
        config.check()?;
        Ok(config)
    }

    /// Prints what is in effect, without secrets, as a configuration file.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn print(&self) -> anyhow::Result<()> {
        let text = self.in_effect()?;
        writeln!(io::stdout(), "# These settings are fine. In effect, secrets left out:\n{text}")?;
        Ok(())
    }

    /// Every setting that has a value, as a configuration file, and the others as comments.
    fn in_effect(&self) -> anyhow::Result<String> {
        let (records, blobs) = self.stores();
        let downloads = self.downloads.unwrap_or(Downloads::Stream);
        let config = Self { records: Some(records), blobs: Some(blobs), downloads: Some(downloads), ..self.clone() };
        let unset =
            [("public_url", self.public_url.is_none()), ("s3.public_endpoint", self.s3.public_endpoint.is_none())];
        let unset = unset.into_iter().filter(|(_, is_unset)| *is_unset).map(|(key, _)| format!("# {key} is not set\n"));
        Ok([unset.collect(), toml::to_string(&config)?].join(""))
    }

    /// Where the stores are.
    ///
    /// # Errors
    /// If a URL is none of a store of this build.
    pub fn locations(&self) -> anyhow::Result<Locations> {
        let (records, blobs) = self.stores();
        let dialect = S3Dialect {
            path_style: self.s3.path_style,
            public_endpoint: self.s3.public_endpoint.as_ref().map(|url| url.expose().to_owned()),
            without_checksums: self.s3.checksums == Checksums::None,
            redirect: self.downloads == Some(Downloads::Redirect),
        };
        let memory = Budget::new(self.limits.memory.as_u64());
        Ok(Locations::parse(records.expose(), blobs.expose(), dialect)?.with_memory(memory))
    }

    /// The same settings for stores that are both in another data folder.
    #[must_use]
    pub fn in_folder(&self, folder: &Path) -> Self {
        Self { data_dir: folder.to_owned(), records: None, blobs: None, ..self.clone() }
    }

    /// Whether a store is in the data folder.
    #[must_use]
    pub const fn keeps_data_dir(&self) -> bool {
        self.records.is_none() || self.blobs.is_none()
    }

    /// The stores' URLs, in the data folder where nothing else is set.
    #[must_use]
    pub fn stores(&self) -> (Url, Url) {
        let in_data_dir =
            |scheme: &str, name: &str| Url::new(format!("{scheme}:{}", self.data_dir.join(name).display()));
        (
            self.records.clone().unwrap_or_else(|| in_data_dir("sqlite", "tapebase.db")),
            self.blobs.clone().unwrap_or_else(|| in_data_dir("file", "blobs")),
        )
    }

    /// What the use cases are told.
    ///
    /// # Errors
    /// If a duration is out of range.
    pub fn policy(&self) -> anyhow::Result<Policy> {
        Ok(Policy {
            limits: Limits {
                recording_bytes: self.limits.recording.as_u64(),
                quota: Quota {
                    bytes: self.limits.quota.as_u64(),
                    recordings: self.limits.recordings,
                    uploads: self.limits.uploads,
                },
            },
            auth: AuthPolicy {
                open_signup: self.auth.open_signup,
                trust_social_ids: self.auth.trust_social_ids,
                idle: delta(self.auth.session_idle)?,
                absolute: delta(self.auth.session_absolute)?,
                most_sessions: self.limits.sessions,
            },
            orphan_grace: delta(self.sweep.grace)?,
            retention: Retention { lifetime: delta(self.changes.deleted)?, ..Retention::default() },
            wait: WaitPolicy::default(),
        })
    }

    /// What the HTTP API is told.
    #[must_use]
    pub fn http_policy(&self) -> HttpPolicy {
        HttpPolicy {
            body_timeout: self.timeouts.body,
            body_bytes: None,
            public_url: self.public_url.clone(),
            proxies: self.http.proxies.clone(),
            routes_2018: self.routes_2018,
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.policy()?;
        self.locations()?;
        logging::filter(&self.log.filter)?;
        let has_scheme = |url: &Url| url.expose().starts_with("https://") || url.expose().starts_with("http://");
        anyhow::ensure!(
            self.s3.public_endpoint.as_ref().is_none_or(has_scheme),
            "s3.public_endpoint must begin with https:// or http://"
        );
        anyhow::ensure!(self.limits.connections > 0, "limits.connections must be at least 1");
        anyhow::ensure!(self.limits.sessions > 0, "limits.sessions must be at least 1");
        let least = ByteSize::b(Budget::LEAST_BYTES);
        anyhow::ensure!(self.limits.memory >= least, "limits.memory must be at least {least}");
        anyhow::ensure!(self.limits.connections_per_address > 0, "limits.connections_per_address must be at least 1");
        anyhow::ensure!(
            (Duration::from_hours(24)..=Duration::from_hours(24 * 36_500)).contains(&self.changes.deleted),
            "changes.deleted must be a day to a hundred years: a device that was away for longer reads everything again"
        );
        anyhow::ensure!(!self.sweep.every.is_zero(), "sweep.every must be longer than nothing");
        let TimeoutsConfig { head, body, send, keep_alive, shutdown } = self.timeouts;
        anyhow::ensure!(
            ![head, body, send, keep_alive].contains(&Duration::ZERO),
            "every one of timeouts must be longer than nothing"
        );
        for duration in [head, body, send, keep_alive, shutdown, self.sweep.every] {
            delta(duration)?;
        }
        // A body that is only just fast enough is written a megabyte at a time: its file may be that old
        // and still grow.
        let pause = body.saturating_mul(256);
        anyhow::ensure!(
            self.sweep.grace >= Duration::from_hours(1) && self.sweep.grace > pause,
            "sweep.grace must be at least an hour, and longer than 256 times timeouts.body"
        );
        Ok(())
    }
}

/// A century is for ever here, and keeps every sum of times in range.
fn delta(duration: Duration) -> anyhow::Result<TimeDelta> {
    anyhow::ensure!(duration <= Duration::from_hours(100 * 366 * 24), "a duration is longer than 100 years");
    Ok(TimeDelta::from_std(duration)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_every_key() {
        let document = include_str!("../../../docs/configuration.md");
        let complete = Config {
            records: Some(Url::new("memory:".into())),
            blobs: Some(Url::new("memory:".into())),
            downloads: Some(Downloads::Stream),
            public_url: "https://tapes.example.com".parse().ok(),
            s3: S3Config { public_endpoint: Some(Url::new("https://audio.example.com".into())), ..S3Config::default() },
            ..Config::default()
        };
        let keys = keys(&toml::Table::try_from(complete).expect("serialises"));
        for key in &keys {
            assert!(document.contains(&format!("| `{key}` |")), "docs/configuration.md lacks {key}");
        }
        assert_eq!(document.matches("\n| `").count(), keys.len(), "docs/configuration.md has keys that are no more");
    }

    #[test]
    fn what_is_in_effect_has_every_setting_there_is() {
        let text = Config::default().in_effect().expect("written down");
        let table: toml::Table = text.parse().expect("TOML");
        let in_effect = keys(&table);

        let document = include_str!("../../../docs/configuration.md").lines();
        for key in document.filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key)) {
            let is_there = in_effect.iter().any(|it| it == key) || text.contains(&format!("# {key} is not set\n"));
            assert!(is_there, "{key} is not in {text}");
        }
    }

    fn keys(table: &toml::Table) -> Vec<String> {
        let mut keys = Vec::new();
        for (key, value) in table {
            match value.as_table() {
                Some(inner) => keys.extend(inner.keys().map(|inner| format!("{key}.{inner}"))),
                None => keys.push(key.clone()),
            }
        }
        keys
    }
}
