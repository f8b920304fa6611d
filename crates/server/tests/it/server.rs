//! Starts the program, and ends it, in every way there is.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tapebase_adapters::{
    connect::{Locations, S3Dialect},
    fs::Fs,
};
use tapebase_conformance::http::{Client, Request, Response, Tcp};
use tapebase_domain::ports::{BlobStore as _, Ports};
use tempfile::TempDir;

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    data_dir: PathBuf,
    /// Absent where the data is to outlive the server.
    temporary: Option<TempDir>,
}

/// The program, told nothing but where to keep its data and to choose a port.
pub fn command(data_dir: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapebase"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TAPEBASE_") {
            command.env_remove(name);
        }
    }
    command
        .env("TAPEBASE_LISTEN", "127.0.0.1:0")
        .env("TAPEBASE_DATA_DIR", data_dir)
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Settings as a server takes them.
pub fn borrowed<'a>(settings: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The stores that settings name, rows first, past any server.
pub async fn ports_of(stores: &[(&str, String)]) -> Ports {
    let dialect = S3Dialect { path_style: true, ..S3Dialect::default() };
    let locations = Locations::parse(&stores[0].1, &stores[1].1, dialect).expect("known");
    locations.connect().await.expect("opened")
}

/// Makes a user a token that looks after all accounts.
pub fn operators_token(data_dir: &Path, settings: &[(&str, &str)], email: &str) -> String {
    let made = command(data_dir, settings).args(["user", "create-token", email, "--scope", "admin"]).output();
    let made = made.expect("it starts");
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).expect("text").trim_end().to_owned()
}

/// Runs a command that reads a password, to its end.
pub fn type_password(mut command: Command, password: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // What is refused before is not read.
    let _ = child.stdin.take().expect("piped").write_all(format!("{password}\n").as_bytes());
    child.wait_with_output().expect("it ends")
}

impl Server {
    /// Starts a server on a data folder of its own.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let temporary = TempDir::new().expect("a temporary folder");
        let data_dir = temporary.path().join("data");
        let mut server = Self::start_on(&data_dir, settings);
        server.temporary = Some(temporary);
        server
    }

    /// Starts a server on a folder that may have data already.
    pub fn start_on(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        Self::run(command(data_dir, settings), data_dir)
    }

    /// Runs a command that ends up being the server, until it listens.
    pub fn run(mut command: Command, data_dir: &Path) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines.find_map(|line| line.ok()?.strip_prefix("listening on http://")?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the server stopped before it listened"));
        // Whatever it still prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, data_dir: data_dir.to_owned(), temporary: None }
    }

    /// Runs the server where it cannot say that it listens at `address`, until it does.
    pub fn run_at(mut command: Command, data_dir: &Path, address: SocketAddr) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut server = Self { child, address, data_dir: data_dir.to_owned(), temporary: None };
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "the server stopped before it listened: {ended:?}");
            std::thread::yield_now();
        }
        server
    }

    /// Returns once nothing that was begun is under way.
    #[expect(clippy::disallowed_methods, reason = "the server is asked again after a while")]
    pub fn wait_for_tasks(&self, within: Duration) {
        let begun = Instant::now();
        loop {
            let ready = self.send(&Request::new("GET", "/readyz")).expect(200).json();
            if ready["tasks"] == 0 {
                return;
            }
            assert!(begun.elapsed() < within, "still busy after {within:?}: {ready}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// How much audio is kept, also such that no recording refers to.
    pub fn blobs(&self) -> usize {
        let store = Fs::open(&self.data_dir.join("blobs")).expect("a folder of audio");
        let walk = async {
            let (mut count, mut after) = (0, None);
            loop {
                let page = store.list(after).await.expect("listed");
                let Some(last) = page.last() else { return count };
                (count, after) = (count + page.len(), Some(last.blob.clone()));
            }
        };
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(walk)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn tcp(&self) -> Tcp {
        Tcp(self.address)
    }

    pub fn send(&self, request: &Request) -> Response {
        self.tcp().send(request)
    }

    /// Signs somebody up, and yields their token.
    pub fn sign_up(&self, name: &str) -> String {
        let credentials = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
        let grant = self.send(&Request::new("POST", "/v1/auth/signup").json(&credentials)).expect(201).json();
        grant["access_token"].as_str().expect("a token").to_owned()
    }

    /// Every recording of somebody, through all pages.
    pub fn list_all(&self, token: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let target = format!("/v1/recordings?limit=200{cursor}");
            let mut page = self.send(&Request::new("GET", target).bearer(token)).expect(200).json();
            items.append(page["items"].as_array_mut().expect("a list"));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Ends it like a power cut ends a process: at once.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Asks it to stop, as an operator does, and waits until it has.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("it ended")
    }

    /// Breaks it off, as somebody at a terminal does, and waits until it has stopped.
    pub fn interrupt(mut self) -> std::process::ExitStatus {
        self.signal("INT");
        self.child.wait().expect("it ended")
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// The most memory it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }
}

/// A server for all tests that run at the same time; the last one to end takes it down.
pub struct Shared(Mutex<Weak<Server>>);

impl Shared {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, start: impl FnOnce() -> Server) -> (Tcp, Arc<Server>) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = latest.upgrade().unwrap_or_else(|| Arc::new(start()));
        *latest = Arc::downgrade(&server);
        (server.tcp(), server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
