//! A program for Node.js that is an engine of tests, for as long as a test wants it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The program, and what it says; it ends with this value.
pub struct NodeProgram {
    process: Child,
    /// It ends when this does, also where the test is killed.
    _tether: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl NodeProgram {
    /// Starts `script`, which is told the folder of its packages that this variable of the environment names.
    ///
    /// # Panics
    /// If its packages are not there, or it does not start.
    pub fn start(script: &str, packages: &str) -> Self {
        let folder = std::env::var_os(packages).unwrap_or_else(|| {
            panic!("{packages} names no packages: run under `cargo xtask engines run -- …` or `cargo xtask test`")
        });
        let mut command = Command::new("node");
        command.arg(format!("{}/{script}", env!("CARGO_MANIFEST_DIR"))).arg(folder);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = spawned.expect("node starts; install nodejs");
        let tether = process.stdin.take();
        let output = process.stdout.take().map(BufReader::new);
        Self { process, _tether: tether, output }
    }

    /// Where it says that it is: the next line of what it prints.
    ///
    /// # Panics
    /// If it does not start.
    pub fn address(&mut self) -> String {
        let mut line = String::new();
        self.output.as_mut().expect("not taken").read_line(&mut line).expect("a line");
        assert!(line.contains("://127.0.0.1:") || line.contains("@127.0.0.1:"), "it does not start: {line}");
        line.trim_end().to_owned()
    }

    /// All that it says from now on.
    ///
    /// # Panics
    /// The second time.
    pub fn output(&mut self) -> BufReader<ChildStdout> {
        self.output.take().expect("not taken")
    }
}

impl Drop for NodeProgram {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
