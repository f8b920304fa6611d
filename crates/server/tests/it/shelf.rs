//! A place for data folders and backups, on which commands of the program are run.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::server::command;

/// A folder that goes when it is dropped.
pub struct Shelf(TempDir);

impl Shelf {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command of the program on a data folder.
    pub fn command(&self, data_dir: &str, arguments: &[&str]) -> Command {
        let mut command = command(&self.path(data_dir), &[]);
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    fn run(&self, data_dir: &str, arguments: &[&str]) -> Output {
        self.command(data_dir, arguments).stderr(Stdio::piped()).output().expect("it runs")
    }

    /// What it says where it succeeds.
    #[track_caller]
    pub fn succeed(&self, data_dir: &str, arguments: &[&str]) -> String {
        let output = self.run(data_dir, arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// What it says of why it fails.
    #[track_caller]
    pub fn fail(&self, data_dir: &str, arguments: &[&str]) -> String {
        let output = self.run(data_dir, arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }
}
