//! `cargo xtask power-cut`: takes the disk from a server at a random moment, and looks at what is left on it.
//!
//! The disk is an ext4 image behind a loop device. While the server stands still, the image is what a machine would
//! find after its power was cut: what only the page cache has is not in it. `kill -9` loses none of that.
//! A loop device has no cache of its own, so that what was written past the page cache is seen as safe without a flush;
//! that packs are flushed, `flush_errors` of the server's tests shows.

mod app;
mod disk;
mod ledger;
mod server;

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::{Signal, geteuid};

use app::App;
use disk::Disk;
use ledger::Ledger;
use server::Server;

use crate::workspace;

const UPLOADERS: usize = 6;
/// The moments at which the power may be cut, in milliseconds after the first upload.
const MOMENTS: std::ops::Range<u64> = 50..2_500;

#[derive(clap::Args)]
pub struct Options {
    /// How often to cut the power.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
}

/// Cuts the power as often as asked, each time from a new disk; fails with the first promise that was not kept.
pub fn run(options: &Options) -> Result<()> {
    ensure!(geteuid().is_root(), "only root may mount a disk: run this as root");
    let binary = workspace::build(&["build", "--package", "tapebase"], "tapebase")?;
    for round in 1..=options.rounds {
        let folder = tempfile::tempdir()?;
        let words = cut_once(&binary, folder.path()).with_context(|| format!("round {round}"))?;
        println!("round {round:>2}: {words}");
    }
    Ok(())
}

/// One round, in a folder of its own; what happened in it.
fn cut_once(binary: &Path, folder: &Path) -> Result<String> {
    let seed = RandomState::new().hash_one(folder);
    let moment = Duration::from_millis(MOMENTS.start + seed % (MOMENTS.end - MOMENTS.start));
    let disk = Disk::format(&folder.join("disk"))?;
    let server = Server::start("before", binary, folder, &disk)?;
    let app = App::sign_up(server.address(), seed)?;
    let (ledger, left) = upload_until_cut(&server, &app, moment, &disk, &folder.join("left"))?;
    server.ensure_no_errors()?;
    drop(server);

    let start = Instant::now();
    let server = Server::start("after", binary, folder, &left)?;
    let recovery = start.elapsed();
    let app = app.reconnect(server.address());
    ledger.check(&app)?;
    app.upload_and_delete_one_more()?;
    server.ensure_no_errors()?;
    Ok(format!("cut after {moment:.1?}, back in {recovery:.1?}, {ledger}"))
}

/// What the clients were told, and what the disk had when they were told no more.
fn upload_until_cut(server: &Server, app: &App, moment: Duration, disk: &Disk, copy: &Path) -> Result<(Ledger, Disk)> {
    let ledger = Mutex::new(Ledger::default());
    let left = thread::scope(|scope| {
        let uploaders: Vec<_> = (0..UPLOADERS).map(|_| scope.spawn(|| app.upload_until_refused(&ledger))).collect();
        let left = cut(server, moment, disk, copy);
        // Whatever happened, no uploader may wait for ever.
        server.signal(Signal::KILL)?;
        for uploader in uploaders {
            uploader.join().map_err(|_| anyhow!("an uploader panicked"))??;
        }
        left
    })?;
    Ok((ledger.into_inner().unwrap_or_else(PoisonError::into_inner), left))
}

fn cut(server: &Server, moment: Duration, disk: &Disk, copy: &Path) -> Result<Disk> {
    server.run_for(moment)?;
    server.stand_still()?;
    disk.copy(copy)
}
