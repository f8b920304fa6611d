//! The variables that are settings: those that begin with `TAPEBASE_`, but for what Kubernetes sets.

use std::{collections::BTreeSet, env};

use anyhow::{anyhow, ensure};
use config::{Environment, Map};

const PREFIX: &str = "TAPEBASE";

/// The environment as a source of settings.
///
/// A value stays the text it is until a setting wants a number: a folder may be named `007`.
pub fn source() -> anyhow::Result<Environment> {
    let source = Environment::with_prefix(PREFIX).prefix_separator("_").separator("__").ignore_empty(true);
    Ok(source.source(Some(variables()?)))
}

/// Fails at a variable that has the name of no setting.
pub fn require_settings(keys: &BTreeSet<String>) -> anyhow::Result<()> {
    for name in variables()?.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name) {
        ensure!(
            is_setting(name, keys),
            "{name} is no setting: `tapebase config example` lists them, with __ for the dot"
        );
    }
    Ok(())
}

fn is_setting(name: &str, keys: &BTreeSet<String>) -> bool {
    let key = name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix('_')).unwrap_or(name);
    let key = key.to_ascii_lowercase().replace("__", ".");
    keys.contains(&key) || key.strip_prefix("auth.oidc.").is_some_and(is_of_provider)
}

/// Of a provider, whose name is the operator's choice.
fn is_of_provider(key: &str) -> bool {
    let (_, setting) = key.split_once('.').unwrap_or_default();
    ["issuer", "audiences", "algorithms", "jwks_uri", "client_id", "client_secret", "social_type"].contains(&setting)
}

fn variables() -> anyhow::Result<Map<String, String>> {
    let mut variables = Map::new();
    for (name, value) in env::vars_os() {
        let is_ours = |name: &&str| name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_'));
        let Some(name) = name.to_str().filter(is_ours) else { continue };
        let value = value.into_string().map_err(|value| anyhow!("{name} is not UTF-8: {}", value.display()))?;
        if !is_of_kubernetes(name, &value) {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(variables)
}

/// Whether a variable tells of a Service in the same namespace, which every container is told of: one that is named
/// `tapebase`, or `tapebase-web`, looks like settings.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_link = || value.split_once("://").is_some_and(|(protocol, _)| is_protocol(&protocol.to_ascii_uppercase()));
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && is_link())
        || is_of_port(name)
}

/// Whether it is `…_PORT_8080_TCP`, or has `_PROTO`, `_PORT` or `_ADDR` behind that.
fn is_of_port(name: &str) -> bool {
    let whole = ["_PROTO", "_PORT", "_ADDR"].into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
    let mut words = whole.rsplit('_');
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    words.next().is_some_and(is_protocol) && words.next().is_some_and(is_number) && words.next() == Some("PORT")
}

fn is_protocol(word: &str) -> bool {
    matches!(word, "TCP" | "UDP" | "SCTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_called_as_its_key() {
        let keys = ["listen", "limits.quota"].map(str::to_owned).into();

        assert!(is_setting("TAPEBASE_LISTEN", &keys) && is_setting("TAPEBASE_LIMITS__QUOTA", &keys));
        assert!(is_setting("TAPEBASE_AUTH__OIDC__TEST__ISSUER", &keys));
        for name in [
            "TAPEBASE_AUTH__OIDC__TEST__ISUER",
            "TAPEBASE_AUTH__OIDC__ISSUER",
            "TAPEBASE_LISTN",
            "TAPEBASE_LIMITS_QUOTA",
            "TAPEBASELISTEN",
            "TAPEBASE_",
        ] {
            assert!(!is_setting(name, &keys), "{name}");
        }
    }

    #[test]
    fn what_kubernetes_tells_of_services_is_no_setting() {
        for (name, value) in [
            ("TAPEBASE_SERVICE_HOST", "10.0.0.11"),
            ("TAPEBASE_SERVICE_PORT", "8080"),
            ("TAPEBASE_SERVICE_PORT_HTTP", "8080"),
            ("TAPEBASE_PORT", "tcp://10.0.0.11:8080"),
            ("TAPEBASE_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
            ("TAPEBASE_PORT_8080_TCP_PROTO", "tcp"),
            ("TAPEBASE_PORT_8080_TCP_PORT", "8080"),
            ("TAPEBASE_PORT_8080_TCP_ADDR", "10.0.0.11"),
            ("TAPEBASE_WEB_PORT", "udp://10.0.0.11:8080"),
            ("TAPEBASE_WEB_PORT_53_UDP_PROTO", "udp"),
            ("TAPEBASE_WEB_SERVICE_HOST", "10.0.0.11"),
        ] {
            assert!(is_of_kubernetes(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("TAPEBASE_PORT", "8080"),
            ("TAPEBASE_LISTEN", ":8080"),
            ("TAPEBASE_RECORDS", "dynamodb://tapebase"),
            ("TAPEBASE_S3__PUBLIC_ENDPOINT", "https://s3.example.com"),
            ("TAPEBASE_TCP", "1"),
        ] {
            assert!(!is_of_kubernetes(name, value), "{name}={value}");
        }
    }
}
