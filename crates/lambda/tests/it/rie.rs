//! Runs the function under the Lambda Runtime Interface Emulator (RIE), one invocation at a time.

use std::{
    ffi::OsString,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tapebase_conformance::http::{Client, Request, Response, lambda};

use crate::stores;

type Settings<'a> = &'a [(&'static str, &'a str)];

/// A function in one execution environment, until it is dropped.
pub struct Function {
    emulator: Child,
    address: SocketAddr,
    /// The emulator crashes on a second invocation while there is one.
    turn: Mutex<()>,
}

impl Function {
    /// Starts the emulator, which starts the function when it is first invoked.
    pub fn start(settings: Settings<'_>) -> Self {
        Self::start_on(&stores::fresh(), settings)
    }

    /// Starts it on stores that are there.
    pub fn start_on(stores: &[(&'static str, String)], settings: Settings<'_>) -> Self {
        // Somebody else may take a free port before the emulator does.
        for _ in 0..5 {
            if let Some(function) = Self::try_start(stores, settings) {
                return function;
            }
        }
        panic!("the emulator does not start");
    }

    fn try_start(stores: &[(&str, String)], settings: Settings<'_>) -> Option<Self> {
        // One at a time, or two would find the same ports free, and one of them the other's emulator.
        static STARTING: Mutex<()> = Mutex::new(());
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let (address, runtime_api) = free_addresses();
        let mut command = Command::new(emulator());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TAPEBASE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(env!("CARGO_BIN_EXE_bootstrap"))
            // All clients have one address here.
            .envs([
                ("TAPEBASE_LIMITS__REQUESTS_PER_ADDRESS", "0"),
                ("TAPEBASE_LIMITS__SIGN_UPS_PER_ADDRESS", "0"),
                ("TAPEBASE_LIMITS__WRONG_PASSWORDS_PER_ADDRESS", "0"),
            ])
            .envs(stores.iter().map(|(name, value)| (name, value)))
            .envs(settings.iter().copied())
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let emulator = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut function = Self { emulator, address, turn: Mutex::new(()) };
        function.listens().then_some(function)
    }

    fn listens(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if TcpStream::connect(self.address).is_ok() {
                return true;
            }
            if self.emulator.try_wait().expect("a child").is_some() {
                return false;
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        false
    }

    pub fn into_caller(self) -> Caller {
        Caller(Arc::new(self))
    }

    /// Invokes the function; `None` if its answer breaks off.
    pub fn invoke(&self, event: &Value) -> Option<Vec<u8>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let event = event.to_string();
        let mut stream = TcpStream::connect(self.address).expect("the emulator listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket has time-outs");
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            event.len()
        );
        stream.write_all(&[head.as_bytes(), event.as_bytes()].concat()).expect("the emulator reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the emulator answers");
        whole_body(&answer)
    }
}

/// A client of a function that may have others.
pub struct Caller(Arc<Function>);

impl Caller {
    /// See [`Function::invoke`].
    pub fn invoke(&self, event: &Value) -> Option<Vec<u8>> {
        self.0.invoke(event)
    }
}

impl Client for Caller {
    fn send(&self, request: &Request) -> Response {
        let Some(event) = lambda::event(request) else { return lambda::refusal() };
        let answer = self.0.invoke(&event);
        let response = lambda::response(&answer.unwrap_or_else(|| panic!("it broke off: {request:?}")));
        assert!(request.method != "HEAD" || response.body.is_empty(), "HEAD has a body: {response:?}");
        response
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Killed, it would leave the function behind.
        let asked = Command::new("kill").args(["-s", "TERM", &self.emulator.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.emulator.kill();
        }
        let _ = self.emulator.wait();
    }
}

/// One function for all tests that run at the same time; the last one to end takes it down.
pub struct Shared {
    settings: Settings<'static>,
    latest: Mutex<Weak<Function>>,
}

impl Shared {
    pub const fn new(settings: Settings<'static>) -> Self {
        Self { settings, latest: Mutex::new(Weak::new()) }
    }

    pub fn caller(&self) -> Caller {
        self.caller_on(stores::in_memory)
    }

    /// The same, on other stores and with more settings if it is the first.
    pub fn caller_on(&self, stores: impl FnOnce() -> Vec<(&'static str, String)>) -> Caller {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let function = latest.upgrade().unwrap_or_else(|| Arc::new(Function::start_on(&stores(), self.settings)));
        *latest = Arc::downgrade(&function);
        Caller(function)
    }
}

fn emulator() -> OsString {
    let path = std::env::var_os("AWS_LAMBDA_RIE");
    path.expect("AWS_LAMBDA_RIE names no emulator: run under `cargo xtask engines run -- …` or `cargo xtask test`")
}

fn free_addresses() -> (SocketAddr, SocketAddr) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let (first, second) = (bind(), bind());
    let address = |listener: &TcpListener| listener.local_addr().expect("it is bound");
    (address(&first), address(&second))
}

/// The body of an HTTP response, if all of it is there.
fn whole_body(response: &[u8]) -> Option<Vec<u8>> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&response[..end]).to_ascii_lowercase();
    let body = &response[end + 4..];
    if head.contains("transfer-encoding: chunked") {
        return joined_chunks(body).ok();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    (length.parse() == Ok(body.len())).then(|| body.to_vec())
}

fn joined_chunks(mut bytes: &[u8]) -> io::Result<Vec<u8>> {
    let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").ok_or_else(broken)?;
        let size = str::from_utf8(&bytes[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let (size, rest) = (size.ok_or_else(broken)?, &bytes[end + 2..]);
        if size == 0 {
            return Ok(body);
        }
        body.extend(rest.get(..size).ok_or_else(broken)?);
        bytes = rest.get(size + 2..).ok_or_else(broken)?;
    }
}
