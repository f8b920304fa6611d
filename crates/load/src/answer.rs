//! The head of an answer, as far as a measurement looks at it.

use anyhow::{Context as _, Result, ensure};

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the head itself, with the empty line that ends it.
    pub size: usize,
    /// The status.
    pub status: u16,
    /// Bytes of the body that follows.
    pub length: u64,
}

impl Head {
    /// Reads a head; none if its end has not come yet.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = str::from_utf8(&bytes[..end]).context("the head of the answer is no text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(status).context("the answer has no status")?;
        let length = length(status, lines).with_context(|| format!("how long is the body of this answer?\n{head}"))?;
        Ok(Some(Self { size: end + 4, status, length }))
    }

    /// Bytes of the body still to come when so many bytes are here, from the first of the head on.
    pub fn left(&self, here: usize) -> Result<u64> {
        let body = u64::try_from(here - self.size)?;
        ensure!(body <= self.length, "the body is longer than the {} bytes that its head says", self.length);
        Ok(self.length - body)
    }
}

fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// Only bodies that say their length keep a connection open at no cost.
fn length<'a>(status: u16, mut fields: impl Iterator<Item = &'a str>) -> Option<u64> {
    fields
        .find_map(|field| {
            let (name, value) = field.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())
        })
        .unwrap_or((status == 204).then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_its_status_and_the_length_of_its_body() {
        let bytes = b"HTTP/1.1 206 Partial Content\r\nServer: x\r\ncontent-length:  5 \r\n\r\nhel";

        let head = Head::parse(bytes).unwrap().unwrap();

        assert_eq!((head.status, head.length, &bytes[head.size..]), (206, 5, b"hel".as_slice()));
        assert_eq!(head.left(bytes.len()).unwrap(), 2);
    }

    #[test]
    fn half_a_head_is_waited_for() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r").unwrap(), None);
    }

    #[test]
    fn an_answer_without_a_body_needs_no_length() {
        let head = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();

        assert_eq!(head.length, 0);
    }

    #[test]
    fn a_body_of_unknown_length_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n").is_err());
        assert!(Head::parse(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[test]
    fn a_body_that_is_too_long_is_refused() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab";

        assert!(Head::parse(bytes).unwrap().unwrap().left(bytes.len()).is_err());
    }
}
