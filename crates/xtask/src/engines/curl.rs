//! Asks a server on this machine for something, to see whether it serves.

use std::process::{Command, Stdio};

use crate::program::Program;

pub const CURL: Program = Program { name: "curl", packages: "curl" };

/// The status of the answer to a request; another word if there is none.
pub fn status(url: &str, options: &[&str]) -> String {
    let mut command = Command::new(CURL.name);
    // A developer's settings and proxies are no way to this machine.
    command.args(["--disable", "--noproxy", "*", "--silent", "--output", "/dev/null", "--max-time", "5"]);
    command.args(["--write-out", "%{http_code}"]).args(options).arg(url);
    let output = command.stderr(Stdio::null()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
