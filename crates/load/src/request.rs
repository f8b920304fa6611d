//! The bytes of a request, most of which are the same every time.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::random::Random;
use crate::spec::{Ids, Range, Request};

/// Where the id goes in a path.
const ID: &str = "{id}";

/// A request but for what differs from one to the next.
pub struct Template {
    /// Up to the id.
    start: Vec<u8>,
    has_id: bool,
    /// From the id to the last field that never changes.
    fields: Vec<u8>,
    range: Option<Range>,
    /// From the empty line that ends the head to the content of the body.
    before: Vec<u8>,
    /// Bytes of the content.
    length: u64,
    /// After the content.
    after: Vec<u8>,
}

impl Template {
    pub fn new(request: &Request, address: SocketAddr) -> Self {
        let (start, end) = request.path.split_once(ID).unwrap_or((&request.path, ""));
        let mut fields = format!("{end} HTTP/1.1\r\nHost: {address}\r\n").into_bytes();
        for (name, value) in &request.headers {
            fields.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        let body = request.body.as_ref();
        let (before, after) = body.map_or(("", ""), |body| (&body.before, &body.after));
        let length = body.map_or(0, |body| body.length);
        if body.is_some() {
            let all = before.len() as u64 + length + after.len() as u64;
            fields.extend(format!("Content-Length: {all}\r\n").into_bytes());
        }
        Self {
            start: format!("{} {start}", request.method).into_bytes(),
            has_id: request.path.contains(ID),
            fields,
            range: request.range,
            before: format!("\r\n{before}").into_bytes(),
            length,
            after: after.as_bytes().to_vec(),
        }
    }

    /// Writes everything up to where all contents are the same; returns how much of the content is missing.
    pub fn write(&self, bytes: &mut Vec<u8>, id: &[u8; 36], random: &mut Random) -> u64 {
        bytes.clear();
        bytes.extend_from_slice(&self.start);
        if self.has_id {
            bytes.extend_from_slice(id);
        }
        bytes.extend_from_slice(&self.fields);
        if let Some(range) = self.range {
            write_range(bytes, range, random);
        }
        bytes.extend_from_slice(&self.before);
        let own = usize::try_from(self.length).map_or(id.len(), |length| length.min(id.len()));
        bytes.extend_from_slice(&id[..own]);
        self.length - own as u64
    }

    pub fn after(&self) -> &[u8] {
        &self.after
    }
}

fn write_range(bytes: &mut Vec<u8>, range: Range, random: &mut Random) {
    let first = random.below(range.of - range.length + 1);
    // Writing to memory does not fail.
    let _ = write!(bytes, "Range: bytes={first}-{}\r\n", first + range.length - 1);
}

impl Ids {
    /// The id of the next request, which is the one of this number.
    pub fn draw(self, number: u64, random: &mut Random) -> [u8; 36] {
        match self {
            Self::InTurn { seed } => crate::id(seed, number),
            Self::AnyOf { seed, of } => crate::id(seed, random.below(of)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Body;

    fn written(path: &str, range: Option<Range>, body: Option<Body>) -> (String, u64) {
        let request =
            Request { method: "PUT".into(), path: path.into(), headers: vec![("A".into(), "b".into())], range, body };
        let template = Template::new(&request, "127.0.0.1:80".parse().unwrap());
        let mut bytes = b"the request before".to_vec();
        let missing = template.write(&mut bytes, &[b'i'; 36], &mut Random::new(1));
        (String::from_utf8(bytes).unwrap(), missing)
    }

    #[test]
    fn the_id_is_in_the_path_and_at_the_head_of_the_content() {
        let body = Body { before: "<".into(), length: 100, after: ">>".into() };

        let (text, missing) = written("/a/{id}/b", None, Some(body));

        let id = "i".repeat(36);
        let head = format!("PUT /a/{id}/b HTTP/1.1\r\nHost: 127.0.0.1:80\r\nA: b\r\nContent-Length: 103\r\n\r\n");
        assert_eq!((text, missing), (format!("{head}<{id}"), 64));
    }

    #[test]
    fn content_shorter_than_an_id_is_not_made_longer() {
        let body = Body { before: String::new(), length: 1, after: String::new() };

        let (text, missing) = written("/", None, Some(body));

        assert!(text.ends_with("Content-Length: 1\r\n\r\ni"), "{text}");
        assert_eq!(missing, 0);
    }

    #[test]
    fn a_range_of_everything_is_the_only_one_there_is() {
        let (text, _) = written("/", Some(Range { length: 10, of: 10 }), None);

        assert!(text.ends_with("A: b\r\nRange: bytes=0-9\r\n\r\n"), "{text}");
    }
}
