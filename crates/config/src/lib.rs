//! Configuration: `tapebase.toml`, then `TAPEBASE_…` in the environment; a key nobody knows is an error.

mod check;
mod environment;
mod listen;
pub mod logging;
mod mail;
mod memory;
mod policies;
mod providers;
mod secret;
mod tables;
mod units;
mod url;

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use config::{ConfigBuilder, File, FileFormat, builder::DefaultState};
use serde::{Deserialize, Serialize};
use tapebase_http::PublicUrl;

pub use self::{
    listen::{InvalidListen, Listen},
    tables::{
        AuthConfig, ChangesConfig, Checksums, Downloads, EmailVerification, ErasureConfig, HttpConfig, LambdaConfig,
        LimitsConfig, LogConfig, MailConfig, OidcConfig, S3Config, SweepConfig, TimeoutsConfig,
    },
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
    /// How mail is sent.
    pub mail: MailConfig,
    /// How much is taken.
    pub limits: LimitsConfig,
    /// How long is waited.
    pub timeouts: TimeoutsConfig,
    /// When those who leave are erased.
    pub erasure: ErasureConfig,
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
            mail: MailConfig::default(),
            limits: LimitsConfig::default(),
            timeouts: TimeoutsConfig::default(),
            erasure: ErasureConfig::default(),
            sweep: SweepConfig::default(),
            changes: ChangesConfig::default(),
            log: LogConfig::default(),
            lambda: LambdaConfig::default(),
        }
    }
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
        let config: Self = config.and_then(config::Config::try_deserialize).or_else(|error| {
            environment::require_settings(&Self::keys()?)?;
            Err(error).context("bad configuration")
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

    /// Every setting as it is by default on this machine, as a configuration file that changes nothing.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn example() -> anyhow::Result<String> {
        let settings = Self::default().in_effect()?;
        let commented = settings.lines().map(|line| match line.chars().next() {
            None | Some('[' | '#') => format!("{line}\n"),
            Some(_) => format!("# {line}\n"),
        });
        Ok(format!(
            "# Every setting of Tapebase, at its default; docs/configuration.md explains each.\n{}",
            commented.collect::<String>()
        ))
    }

    /// What every setting is called, with dots.
    fn keys() -> anyhow::Result<BTreeSet<String>> {
        let text = Self::default().in_effect()?;
        let unset = text.lines().filter_map(|line| line.strip_prefix("# ")?.strip_suffix(" is not set"));
        Ok(keys(&text.parse()?).into_iter().chain(unset.map(str::to_owned)).collect())
    }

    /// Every setting that has a value, as a configuration file, and the others as comments.
    fn in_effect(&self) -> anyhow::Result<String> {
        let (records, blobs) = self.stores();
        let downloads = self.downloads.unwrap_or(Downloads::Stream);
        let config = Self { records: Some(records), blobs: Some(blobs), downloads: Some(downloads), ..self.clone() };
        let unset = [
            ("public_url", self.public_url.is_none()),
            ("s3.public_endpoint", self.s3.public_endpoint.is_none()),
            ("s3.region", self.s3.region.is_none()),
            ("s3.access_key_id", self.s3.access_key_id.is_none()),
            ("s3.secret_access_key", self.s3.secret_access_key.is_none()),
            ("auth.oidc", self.auth.oidc.is_empty()),
            ("mail.smtp", self.mail.smtp.is_none()),
            ("mail.from", self.mail.from.is_none()),
            ("mail.reset_link", self.mail.reset_link.is_none()),
            ("mail.verify_link", self.mail.verify_link.is_none()),
            ("mail.invite_link", self.mail.invite_link.is_none()),
        ];
        let unset = unset.into_iter().filter(|(_, is_unset)| *is_unset).map(|(key, _)| format!("# {key} is not set\n"));
        Ok([unset.collect(), toml::to_string(&config)?].join(""))
    }

    /// The same settings for stores that are both in another data folder.
    #[must_use]
    pub fn in_folder(&self, folder: &Path) -> Self {
        Self { data_dir: folder.to_owned(), records: None, blobs: None, ..self.clone() }
    }

    /// Whether a store is where it is unless something else is set.
    #[must_use]
    pub fn keeps_data_dir(&self) -> bool {
        let (records, blobs) = self.stores();
        let usual = self.in_folder(&self.data_dir).stores();
        records == usual.0 || blobs == usual.1
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
}

/// What the values of a table are called, those of the tables in it with a dot.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_documentation_names_every_key() {
        let document = include_str!("../../../docs/configuration.md");
        let complete = Config {
            records: Some(Url::new("memory:".into())),
            blobs: Some(Url::new("memory:".into())),
            downloads: Some(Downloads::Stream),
            public_url: "https://tapes.example.com".parse().ok(),
            s3: S3Config {
                public_endpoint: Some(Url::new("https://audio.example.com".into())),
                region: Some("auto".into()),
                access_key_id: Some("key".into()),
                secret_access_key: Some(Secret("s3cret".into())),
                ..S3Config::default()
            },
            mail: MailConfig {
                smtp: Some(Url::new("smtps://smtp.example.com".into())),
                from: Some("no-reply@example.com".into()),
                reset_link: Some("recorder:reset?code={code}".into()),
                verify_link: Some("recorder:verify?code={code}".into()),
                invite_link: Some("recorder:join?code={code}".into()),
            },
            auth: AuthConfig { oidc: [("google".to_owned(), OidcConfig::default())].into(), ..AuthConfig::default() },
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

    #[test]
    fn the_example_changes_nothing_and_names_every_setting() {
        let example = Config::example().expect("written down");

        let read: Config = toml::from_str(&example).expect("TOML");
        let text = |config: &Config| config.in_effect().expect("written down");
        assert_eq!(text(&read), text(&Config::default()));
        let table: toml::Table = text(&Config::default()).parse().expect("TOML");
        for key in keys(&table) {
            let name = key.rsplit('.').next().expect("a name");
            assert!(example.contains(&format!("# {name} = ")), "{key}: {example}");
        }
    }

    #[test]
    fn what_is_said_of_the_usual_places_changes_nothing() {
        let (records, blobs) = Config::default().stores();
        let said = Config { records: Some(records), blobs: Some(blobs), ..Config::default() };
        let elsewhere = Config {
            records: Some(Url::new("memory:".into())),
            blobs: Some(Url::new("memory:".into())),
            ..Config::default()
        };

        assert!(said.keeps_data_dir() && Config::default().keeps_data_dir());
        assert!(!elsewhere.keeps_data_dir());
    }
}
