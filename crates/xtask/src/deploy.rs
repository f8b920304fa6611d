//! `cargo xtask deploy-lint`: finds mistakes in what people deploy with, without an account or a cluster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::markdown::blocks;
use crate::python::{self, Environment};
use crate::{program, workspace};

const ENVIRONMENT: Environment = Environment {
    name: "deploy-lint",
    requirements: include_str!("../requirements/deploy.txt"),
    works: |home| python::runs(home, &["-c", "import awscli, samcli, samtranslator, kubernetes_validate"]),
};

const REGION: &str = "us-east-1";

/// A Python that has the command line of AWS.
pub fn python() -> Result<PathBuf> {
    Ok(python::interpreter(&ENVIRONMENT.find()?))
}

/// Lints a template, or the one that is deployed, twice: as it is, and translated to what AWS would see. Lints the Kubernetes
/// resources of the guide, too.
pub fn run(template: Option<PathBuf>) -> Result<()> {
    let template = template.unwrap_or_else(|| workspace::path("deploy/aws/template.yaml"));
    ensure!(template.is_file(), "there is no {}", template.display());
    let python = python()?;
    let folder = tempfile::tempdir()?;
    // SAM asks for a newer version of itself now and then: it is told that it has asked, long after now.
    std::fs::write(folder.path().join("metadata.json"), r#"{"lastVersionCheck": 9999999999}"#)?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command
            .args(arguments)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("__SAM_CLI_APP_DIR", folder.path())
            // Neither is used, but the AWS library in there wants to have some.
            .env("AWS_ACCESS_KEY_ID", "none")
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env_remove("AWS_PROFILE");
        command
    };
    program::succeed(
        command(&["-m", "samcli", "validate", "--lint", "--region", REGION, "--template"]).arg(&template),
    )?;
    let script = workspace::path("crates/xtask/lint_translated.py");
    program::succeed(command(&[]).arg(script).arg(&template).arg(REGION)).context("linting the translated template")?;
    let script = workspace::path("crates/xtask/lint_kubernetes.py");
    let guide = std::fs::read_to_string(workspace::path("docs/guides/behind-a-proxy.md"))?;
    let resources = folder.path().join("resources.yaml");
    std::fs::write(&resources, blocks(&guide, "yaml").collect::<Vec<_>>().join("---\n"))?;
    program::succeed(command(&[]).arg(script).arg(resources)).context("validating the Kubernetes resources")
}
