//! nginx as `docs/guides/behind-a-proxy.md` has it, in front of a server below a path.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Desk, USUAL};
use crate::client::agent;
use crate::debian::{environment, in_bundle};
use crate::markdown::blocks;
use crate::process::{Process, free_address};
use crate::server;
use crate::workspace;

/// Its path in its Debian package.
pub const NGINX: &str = "usr/sbin/nginx";

/// What nginx wants to write to; those it has by default are root's.
const FOLDERS: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// Runs all commands through the proxy, at the address that it gives the server.
pub fn run(desk: &Desk) -> Result<()> {
    let address = free_address()?;
    let url = format!("http://{address}/tapes");
    let settings = [&desk.settings()[..], &[("TAPEBASE_PUBLIC_URL", &*url)]].concat();
    server::serve(&settings, |upstream, folder| {
        let nginx = start(desk, address, upstream, folder)?;
        nginx.wait_until(|| Ok(agent().get(format!("{url}/healthz")).call().is_ok_and(|it| it.status() == 200)))?;
        desk.follow_guides(&url)
    })
}

fn start(desk: &Desk, address: SocketAddr, upstream: &str, folder: &Path) -> Result<Process> {
    let guide = std::fs::read_to_string(workspace::path("docs/guides/behind-a-proxy.md"))?;
    let location = blocks(&guide, "nginx").next().context("the guide has nothing for nginx")?;
    let location = location.replace(USUAL, upstream);
    let folders = FOLDERS.map(|folder| format!("{folder}_temp_path {folder};\n")).concat();
    let server = format!("server {{\nlisten {address};\n{location}}}\n");
    let main = format!(
        "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}{server}}}\n"
    );
    std::fs::write(folder.join("nginx.conf"), main)?;
    Process::start_family("nginx", folder, |command| {
        command.arg(in_bundle(&desk.home, NGINX)).args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(folder);
        command.envs(environment(&desk.home));
    })
}
