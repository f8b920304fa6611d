//! A table and a place in a bucket for the server, made by its own `setup`.

use tapebase_conformance::engines;
use tempfile::TempDir;

use crate::server::{Server, borrowed, command};

/// The settings of a table and a prefix of their own, made as an operator makes them.
pub fn fresh() -> Vec<(&'static str, String)> {
    let settings = engines::fresh_stores();
    let folder = TempDir::new().expect("a temporary folder");
    let made = command(folder.path(), &borrowed(&settings)).arg("setup").output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    settings
}

/// Starts a server on stores of its own.
pub fn serve(more: &[(&str, &str)]) -> Server {
    let settings = fresh();
    Server::start(&[&borrowed(&settings), more].concat())
}
