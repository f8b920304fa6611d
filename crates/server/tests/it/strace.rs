//! Faults of the kernel, as one thread of a server meets them.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A tracer that makes system calls of one thread fail, or take long, until it is dropped.
pub struct Strace(Child);

impl Strace {
    pub fn inject(thread: u32, fault: &str) -> Self {
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-e", &format!("inject={fault}"), "-p", &thread.to_string()]);
        let mut strace = match command.stderr(Stdio::piped()).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("`strace` is missing; on Debian: apt-get install strace")
            }
            strace => strace.expect("strace starts"),
        };
        let mut line = String::new();
        let _ = BufReader::new(strace.stderr.take().expect("piped")).read_line(&mut line).expect("it says something");
        assert!(line.contains("attached"), "strace may not trace, which takes root or ptrace_scope 0: {line}");
        Self(strace)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Asked to end, it lets go of the thread.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The number of a process's thread of this name.
pub fn number_of(process: u32, name: &str) -> u32 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let mut threads = threads.map(|thread| thread.expect("a thread").path());
    let is_it = |thread: &Path| fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
    let thread = threads.find(|thread| is_it(thread)).unwrap_or_else(|| panic!("there is no thread {name}"));
    thread.file_name().and_then(|number| number.to_str()?.parse().ok()).expect("a number")
}
