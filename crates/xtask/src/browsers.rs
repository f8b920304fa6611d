//! `cargo xtask browsers`: a recorder app on a page of another origin, and the reference at `/docs`, in Debian's Chromium and
//! Firefox; where audio is on disk, and where players are redirected to S3.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::debian::{Bundle, in_bundle, libraries};
use crate::engines::Engines;
use crate::node::{NODE, Packages};
use crate::program::{read, succeed};
use crate::server::{self, Server};
use crate::workspace;

const PACKAGES: Packages = Packages {
    name: "browser-drivers",
    manifest: include_str!("../browsers/package.json"),
    lock: include_str!("../browsers/package-lock.json"),
};

const CHROMIUM: &str = "usr/lib/chromium/chromium";
const FIREFOX: &str = "usr/lib/firefox-esr/firefox-esr";
const BROWSERS: Bundle =
    Bundle { name: "browsers", packages: &["chromium", "firefox-esr"], programs: &[CHROMIUM, FIREFOX] };

/// As puppeteer calls them.
const NAMES: [(&str, &str); 2] = [("chrome", CHROMIUM), ("firefox", FIREFOX)];

/// The recording that is uploaded in the reference.
const FIXTURE: &str = "crates/conformance/fixtures/memo.m4a";

/// Where Swagger UI is kept.
const VENDORED: &str = "crates/http/assets/swagger-ui";

/// The same beside engines of its own.
pub fn run_alone(pictures: Option<&Path>) -> Result<()> {
    let engines = Engines::start()?;
    let outcome = run(&engines, pictures);
    engines.stop()?;
    outcome
}

/// Builds and starts servers, and has browsers use them; pictures of the reference go into a folder, if one is named.
pub fn run(engines: &Engines, pictures: Option<&Path>) -> Result<()> {
    let (home, drivers) = (BROWSERS.find()?, tempfile::tempdir()?);
    let browsers = Browsers { home, project: project(drivers.path())? };
    let program = server::build()?;
    let port = free_port()?.to_string();
    let allowed = ("TAPEBASE_HTTP__ALLOWED_ORIGINS", format!("http://127.0.0.1:{port}"));
    let allowed = (allowed.0, allowed.1.as_str());

    serve(&program, &[], |api| browsers.visit(api, &port, &["refused"])).context("without the origin")?;
    serve(&program, &[allowed], |api| {
        browsers.visit(api, &port, &[])?;
        browsers.read_reference(api, pictures)
    })
    .context("on disk")?;
    let on_aws = on_aws(engines, allowed);
    let on_aws: Vec<(&str, &str)> = on_aws.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    read(Command::new(&program).arg("setup").envs(on_aws.iter().copied())).context("making table and bucket")?;
    serve(&program, &on_aws, |api| browsers.visit(api, &port, &[])).context("where players are redirected to S3")
}

/// Where the browsers are, and what drives them.
struct Browsers {
    home: PathBuf,
    project: PathBuf,
}

impl Browsers {
    /// Each opens a page of another origin that uses the API.
    fn visit(&self, api: &str, port: &str, options: &[&str]) -> Result<()> {
        NAMES.iter().try_for_each(|(name, program)| {
            succeed(
                self.node("cross_origin.js")?
                    .arg(name)
                    .arg(in_bundle(&self.home, program))
                    .args([api, port])
                    .args(options),
            )
        })
    }

    fn read_reference(&self, api: &str, pictures: Option<&Path>) -> Result<()> {
        let mut read = self.node("docs.js")?;
        read.arg(in_bundle(&self.home, CHROMIUM)).arg(api).args([FIXTURE, VENDORED].map(workspace::path));
        succeed(read.args(pictures.map(std::path::absolute).transpose()?))
    }

    fn node(&self, script: &str) -> Result<Command> {
        let mut node = NODE.command()?;
        node.current_dir(&self.project).arg(script);
        if self.home != Path::new("/") {
            node.env("LD_LIBRARY_PATH", libraries(&self.home)).env("FONTCONFIG_PATH", self.home.join("etc/fonts"));
        }
        Ok(node)
    }
}

/// A folder from which the scripts find their packages.
fn project(folder: &Path) -> Result<PathBuf> {
    for file in std::fs::read_dir(workspace::path("crates/xtask/browsers"))? {
        let file = file?;
        std::fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    symlink(PACKAGES.find()?.join("node_modules"), folder.join("node_modules"))?;
    Ok(folder.to_owned())
}

fn serve(program: &Path, settings: &[(&str, &str)], visit: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(program, folder.path(), settings)?;
    let outcome = visit(server.address()).and_then(|()| server.ensure_running());
    drop(server);
    outcome.inspect_err(|_| server::print_log(folder.path()))
}

/// The settings of a server on the engines, in a table and a bucket of its own.
fn on_aws(engines: &Engines, allowed: (&str, &str)) -> Vec<(String, String)> {
    let name = format!("browsers-{}", std::process::id());
    let mut settings = engines.environment().to_vec();
    let own = [
        ("TAPEBASE_RECORDS", format!("dynamodb://{name}")),
        ("TAPEBASE_BLOBS", format!("s3://{name}")),
        ("TAPEBASE_DOWNLOADS", "redirect".to_owned()),
        (allowed.0, allowed.1.to_owned()),
    ];
    settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
    settings
}

/// A port that nobody listens on at this moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
