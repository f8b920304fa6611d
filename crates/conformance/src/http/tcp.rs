//! HTTP/1.1 over TCP, one connection a request: so plain that a test can send anything.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{Client, Request, Response};

/// A server listening at an address.
#[derive(Debug, Clone, Copy)]
pub struct Tcp(pub SocketAddr);

impl Tcp {
    /// Opens a connection on which no read waits for longer than a minute.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket has time-outs");
        stream
    }

    /// Sends a request; `None` if the server does not listen, or goes before it answers.
    #[must_use]
    pub fn try_send(&self, request: &Request) -> Option<Response> {
        let mut stream = TcpStream::connect(self.0).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
        // A server that refuses from the head alone need not read the body.
        let _ = stream.write_all(&head(request)).and_then(|()| stream.write_all(&request.body));
        read_response(&mut stream)
    }

    /// Sends a request, and leaves the answer to the caller.
    #[must_use]
    pub fn begin(&self, request: &Request) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(&[head(request), request.body.clone()].concat()).expect("the server reads");
        stream
    }

    /// Sends exactly these bytes, and reads the answer if the server gives one before it closes.
    #[must_use]
    pub fn send_raw(&self, bytes: &[u8]) -> Option<Response> {
        let mut stream = self.connect();
        // A server that has answered already may not read on.
        let _ = stream.write_all(bytes);
        read_response(&mut stream)
    }
}

impl Client for Tcp {
    fn send(&self, request: &Request) -> Response {
        self.try_send(request).unwrap_or_else(|| panic!("no answer to {} {}", request.method, request.target))
    }
}

fn head(request: &Request) -> Vec<u8> {
    let announces = |name: &str| request.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let host = if announces("Host") { "" } else { "Host: test\r\n" };
    let head = format!("{} {} HTTP/1.1\r\n{host}Connection: close\r\n", request.method, request.target);
    let mut head = head.into_bytes();
    let takes_body = matches!(request.method, "PUT" | "POST" | "PATCH") || !request.body.is_empty();
    if takes_body && !announces("Content-Length") && !announces("Transfer-Encoding") {
        head.extend(format!("Content-Length: {}\r\n", request.body.len()).bytes());
    }
    for (name, value) in &request.headers {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

/// Reads an answer up to its end; `None` if the connection closes, or is reset, before there is one.
pub(crate) fn read_response(stream: &mut TcpStream) -> Option<Response> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.extend(&buffer[..read]);
    }
    parse(&bytes)
}

fn parse(mut bytes: &[u8]) -> Option<Response> {
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).expect("heads are ASCII");
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        bytes = &bytes[end + 4..];
        if status < 200 {
            continue;
        }
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers: Vec<(String, String)> = headers.collect();
        let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if is_chunked && !bytes.is_empty() { joined(bytes)? } else { bytes.to_vec() };
        return Some(Response { status, headers, body });
    }
}

/// A body that came in chunks (RFC 9112 section 7.1); `None` if it broke off.
fn joined(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        bytes = &bytes[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}
