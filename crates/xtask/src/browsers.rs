//! `cargo xtask browsers`: a recorder app on a page of another origin, the page of a guide, the reference at `/docs` and the page that
//! deletes an account, in Debian's Chromium and Firefox; where audio is on disk, and where players are redirected to S3.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};

use crate::debian::{Bundle, environment, in_bundle};
use crate::engines::{Engines, OidcProvider};
use crate::markdown::blocks;
use crate::node::{NODE, Packages};
use crate::process::free_address;
use crate::program::{read, succeed};
use crate::server::{self, serve};
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

/// The text with a page that is used, too.
const GUIDE: &str = "docs/guides/web-page.md";

/// Installs the browsers, and what drives them, unless that is done.
pub fn install() -> Result<()> {
    BROWSERS.find()?;
    PACKAGES.find().map(drop)
}

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
    // Each browser has a page of its own.
    let ports = [free_address()?.port(), free_address()?.port()];
    let origins = ports.map(|port| format!("http://127.0.0.1:{port}")).join(",");
    let allowed = ("TAPEBASE_HTTP__ALLOWED_ORIGINS", origins.as_str());

    serve(&[], |api, _| browsers.visit(api, ports, &["refused"])).context("without the origin")?;
    let provider = OidcProvider::start()?;
    let settings = [&[allowed], &provider.web_settings()[..]].concat();
    serve(&settings, |api, _| {
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                browsers.read_reference(api, pictures)?;
                browsers.run_in_chromium("delete_account.js", api)?;
                browsers.run_in_chromium("web_login.js", api)
            });
            browsers.visit(api, ports, &[])?;
            reading.join().map_err(|_| anyhow!("reading the reference panicked"))?
        })
    })
    .context("on disk")?;
    let on_aws = on_aws(engines, allowed);
    let on_aws: Vec<(&str, &str)> = on_aws.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    read(Command::new(server::build()?).arg("setup").envs(on_aws.iter().copied()))
        .context("making table and bucket")?;
    serve(&on_aws, |api, _| browsers.visit(api, ports, &[])).context("where players are redirected to S3")
}

/// Where the browsers are, and what drives them.
struct Browsers {
    home: PathBuf,
    project: PathBuf,
}

impl Browsers {
    /// Each opens a page of another origin that uses the API, both at once.
    fn visit(&self, api: &str, ports: [u16; 2], options: &[&str]) -> Result<()> {
        let visit = |(name, program): (&str, &str), port: u16| {
            let mut node = self.node("cross_origin.js")?;
            node.arg(name).arg(in_bundle(&self.home, program)).args([api, &port.to_string()]).args(options);
            succeed(&mut node)
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| visit(NAMES[0], ports[0]));
            visit(NAMES[1], ports[1])?;
            first.join().map_err(|_| anyhow!("{} panicked", NAMES[0].0))?
        })
    }

    fn read_reference(&self, api: &str, pictures: Option<&Path>) -> Result<()> {
        let mut read = self.node("docs.js")?;
        read.arg(in_bundle(&self.home, CHROMIUM)).arg(api).args([FIXTURE, VENDORED].map(workspace::path));
        succeed(read.args(pictures.map(std::path::absolute).transpose()?))
    }

    fn run_in_chromium(&self, script: &str, api: &str) -> Result<()> {
        succeed(self.node(script)?.arg(in_bundle(&self.home, CHROMIUM)).arg(api))
    }

    fn node(&self, script: &str) -> Result<Command> {
        let mut node = NODE.command()?;
        node.current_dir(&self.project).arg(script);
        node.envs(environment(&self.home));
        Ok(node)
    }
}

/// A folder from which the scripts find their packages.
fn project(folder: &Path) -> Result<PathBuf> {
    for file in std::fs::read_dir(workspace::path("crates/xtask/browsers"))? {
        let file = file?;
        std::fs::copy(file.path(), folder.join(file.file_name()))?;
    }
    let guide = std::fs::read_to_string(workspace::path(GUIDE))?;
    std::fs::write(folder.join("guide.html"), blocks(&guide, "html").next().context(GUIDE)?)?;
    symlink(PACKAGES.find()?.join("node_modules"), folder.join("node_modules"))?;
    Ok(folder.to_owned())
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
