//! `cargo xtask dependencies`: compares every dependency with the rules in `.deny.toml`.
//!
//! cargo-deny does so as well, and looks for advisories, where it is installed and reaches their database. It takes longer
//! to build than all of this workspace's tests, so that without it the rules that need no database are kept here.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use semver::{Version, VersionReq};
use serde_json::Value;
use spdx::Expression;

use crate::{
    program,
    workspace::{cargo, path},
};

/// Where this is built.
const PLATFORMS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"];
/// Where crates come from, as `cargo metadata` has it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Fails if a dependency breaks a rule.
pub fn run() -> Result<()> {
    let mut deny = Command::new("cargo-deny");
    if deny.arg("--version").output().is_ok_and(|output| output.status.success()) {
        return program::succeed(&mut cargo(&["deny", "check"]));
    }
    let rules: toml::Table = std::fs::read_to_string(path(".deny.toml"))?.parse()?;
    let mut metadata = cargo(&["metadata", "--format-version", "1", "--all-features", "--locked"]);
    metadata.args(PLATFORMS.into_iter().flat_map(|platform| ["--filter-platform", platform]));
    let metadata: Value = serde_json::from_slice(&program::read(&mut metadata)?)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let used = used(&metadata);
    let is_dependency = |package: &&Value| !package["source"].is_null() && used.contains(&package["id"].as_str());
    let dependencies: Vec<_> = packages.iter().filter(is_dependency).collect();
    let broken: Vec<_> = dependencies.iter().filter_map(|package| fault(package, &rules)).collect();
    ensure!(broken.is_empty(), "these break the rules in .deny.toml:\n{}", broken.join("\n"));
    println!(
        "{} dependencies have licences that may be passed on and come from crates.io, and none is banned; \
         advisories were not looked for: `cargo install cargo-deny` has that done as well",
        dependencies.len()
    );
    Ok(())
}

/// The ids of what is compiled: what no feature asks for is in the list of packages as well.
fn used(metadata: &Value) -> BTreeSet<Option<&str>> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let nodes: BTreeMap<_, _> = nodes.map(|node| (node["id"].as_str(), &node["deps"])).collect();
    let members = metadata["workspace_members"].as_array().into_iter().flatten();
    let mut found: Vec<_> = members.map(Value::as_str).collect();
    let mut used = BTreeSet::new();
    while let Some(id) = found.pop() {
        if used.insert(id) {
            let dependencies = nodes.get(&id).and_then(|dependencies| dependencies.as_array());
            found.extend(dependencies.into_iter().flatten().map(|dependency| dependency["pkg"].as_str()));
        }
    }
    used
}

/// What is wrong with a dependency, if anything is.
fn fault(package: &Value, rules: &toml::Table) -> Option<String> {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    let name = text("name");
    let banned = rules["bans"]["deny"].as_array().into_iter().flatten();
    let is_banned = banned.filter_map(|ban| ban["crate"].as_str()).any(|ban| is_meant(ban, name, text("version")));
    let allowed: Vec<_> =
        rules["licenses"]["allow"].as_array().into_iter().flatten().filter_map(|id| id.as_str()).collect();
    let what = if is_banned {
        "is banned".to_owned()
    } else if text("source") != REGISTRY {
        format!("comes from {}", text("source"))
    } else if !may_be_passed_on(text("license"), &allowed) {
        format!("has the licence {:?}", text("license"))
    } else {
        return None;
    };
    Some(format!("{name} {} {what}", text("version")))
}

/// Whether a ban, `name` or `name@requirement`, is of this version.
fn is_meant(ban: &str, name: &str, version: &str) -> bool {
    let (banned, requirement) = ban.split_once('@').unwrap_or((ban, "*"));
    let requirement = VersionReq::parse(requirement).ok().zip(Version::parse(version).ok());
    banned == name && requirement.is_none_or(|(requirement, version)| requirement.matches(&version))
}

fn may_be_passed_on(license: &str, allowed: &[&str]) -> bool {
    Expression::parse_mode(license, spdx::ParseMode::LAX).is_ok_and(|expression| {
        expression.evaluate(|required| required.license.id().is_some_and(|id| allowed.contains(&id.name)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_breaks_a_rule_is_named() {
        let rules = "[licenses]\nallow = ['MIT']\n[bans]\ndeny = [{ crate = 'openssl' }, { crate = 'h2@<0.4' }]"
            .parse()
            .unwrap();
        let fault = |name: &str, license: &str, source: &str| {
            fault(&json!({"name": name, "version": "1.0.0", "license": license, "source": source}), &rules)
        };

        assert_eq!(fault("good", "Apache-2.0 OR MIT", REGISTRY), None);
        assert_eq!(fault("good", "MIT/Apache-2.0", REGISTRY), None);
        assert_eq!(fault("openssl", "MIT", REGISTRY).as_deref(), Some("openssl 1.0.0 is banned"));
        assert_eq!(fault("h2", "MIT", REGISTRY), None);
        assert!(is_meant("h2@<0.4", "h2", "0.3.27") && !is_meant("h2@<0.4", "h2", "0.4.20"));
        assert!(fault("other", "MIT AND GPL-3.0-only", REGISTRY).is_some_and(|fault| fault.contains("GPL")));
        assert!(fault("other", "", REGISTRY).is_some());
        assert!(fault("other", "MIT", "git+https://example.com/other").is_some_and(|fault| fault.contains("git+")));
    }
}
