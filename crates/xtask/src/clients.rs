//! `cargo xtask clients`: generates clients from the description of a freshly started server, as its users do, and has
//! each of them do what an app does.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::client::save_description;
use crate::node::{NODE, Packages};
use crate::program::succeed;
use crate::python::{self, Environment};
use crate::server;
use crate::workspace;

const PACKAGES: Packages = Packages {
    name: "typescript-clients",
    manifest: include_str!("../clients/package.json"),
    lock: include_str!("../clients/package-lock.json"),
};

const ENVIRONMENT: Environment = Environment {
    name: "python-client",
    requirements: include_str!("../requirements/clients.txt"),
    works: |home| python::runs(home, &["-c", "import openapi_python_client, mypy, dateutil"]),
};

/// The recording that every client uploads.
const FIXTURE: &str = "crates/conformance/fixtures/memo.m4a";

/// Installs the generators, unless that is done.
pub fn install() -> Result<()> {
    PACKAGES.find()?;
    ENVIRONMENT.find().map(drop)
}

/// Builds and starts the server, and tries every generator.
pub fn run() -> Result<()> {
    let (packages, python) = (PACKAGES.find()?, ENVIRONMENT.find()?);
    server::serve(&[], |address, folder| {
        save_description(address, folder)?;
        openapi_fetch(&packages, folder, address).context("openapi-typescript and openapi-fetch")?;
        hey_api(&packages, folder, address).context("@hey-api/openapi-ts")?;
        openapi_python_client(&python, folder, address).context("openapi-python-client")
    })
}

fn openapi_fetch(packages: &Path, folder: &Path, address: &str) -> Result<()> {
    let project = typescript(packages, folder.join("openapi-fetch"), "schema.mjs", "openapi_fetch.ts")?;
    std::fs::create_dir(project.join("generated"))?;
    succeed(node(&project)?.args(["schema.mjs", "../openapi.json", "generated/schema.ts"]))?;
    compile_and_run(&project, "openapi_fetch", address)
}

fn hey_api(packages: &Path, folder: &Path, address: &str) -> Result<()> {
    let project = typescript(packages, folder.join("hey-api"), "openapi-ts.config.mjs", "hey_api.ts")?;
    succeed(node(&project)?.arg("node_modules/@hey-api/openapi-ts/bin/run.js"))?;
    compile_and_run(&project, "hey_api", address)
}

/// A folder in which `generator` can make `generated`, with which `source` can be compiled then.
fn typescript(packages: &Path, project: PathBuf, generator: &str, source: &str) -> Result<PathBuf> {
    std::fs::create_dir(&project)?;
    for file in ["package.json", "tsconfig.json", "common.ts", generator, source] {
        std::fs::copy(workspace::path("crates/xtask/clients").join(file), project.join(file))?;
    }
    symlink(packages.join("node_modules"), project.join("node_modules"))?;
    Ok(project)
}

fn compile_and_run(project: &Path, name: &str, address: &str) -> Result<()> {
    succeed(node(project)?.arg("node_modules/typescript/bin/tsc"))?;
    succeed(node(project)?.arg(format!("out/{name}.js")).arg(address).arg(workspace::path(FIXTURE)))
}

fn node(project: &Path) -> Result<Command> {
    let mut node = NODE.command()?;
    node.current_dir(project);
    Ok(node)
}

fn openapi_python_client(home: &Path, folder: &Path, address: &str) -> Result<()> {
    let project = folder.join("python");
    std::fs::create_dir(&project)?;
    let python = || {
        let mut python = Command::new(python::interpreter(home));
        // Its formatter is a program beside the interpreter.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(home.join("bin")).chain(std::env::split_paths(&path));
        python.current_dir(&project).env("NO_PROXY", "127.0.0.1").env("PATH", std::env::join_paths(paths)?);
        anyhow::Ok(python)
    };
    let generate = ["openapi_python_client", "generate", "--path", "../openapi.json", "--meta", "none"];
    succeed(python()?.arg("-m").args(generate).args(["--output-path", "tapebase_client"]))?;
    std::fs::copy(workspace::path("crates/xtask/clients/flow.py"), project.join("flow.py"))?;
    // What it writes beside that is the same for every API, and not ours to judge.
    let generated = ["tapebase_client/api", "tapebase_client/models"];
    succeed(python()?.args(["-m", "mypy", "--follow-imports", "silent", "flow.py"]).args(generated))?;
    succeed(python()?.arg("flow.py").arg(address).arg(workspace::path(FIXTURE)))
}
