//! HTTP/1.1 as bytes that pass through: where a message ends, and nothing more (RFC 9112).

use std::io::{self, ErrorKind};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The most bytes of a head.
const MOST_HEAD_BYTES: usize = 64 << 10;

/// The lines of a message up to the empty one.
#[derive(Debug, Default)]
pub struct Head {
    /// As they came.
    pub bytes: Vec<u8>,
    first_line: String,
    fields: Vec<(String, String)>,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Known(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Reads a head; `None` if the connection ends before it.
    pub async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = Self::default();
        loop {
            let begin = head.bytes.len();
            let read = reader.read_until(b'\n', &mut head.bytes).await?;
            if read == 0 && begin == 0 {
                return Ok(None);
            }
            if read == 0 || head.bytes.len() > MOST_HEAD_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            let line = String::from_utf8_lossy(&head.bytes[begin..]).trim().to_owned();
            if line.is_empty() {
                return Ok(Some(head));
            }
            head.take_in(line);
        }
    }

    fn take_in(&mut self, line: String) {
        if self.first_line.is_empty() {
            self.first_line = line;
        } else if let Some((name, value)) = line.split_once(':') {
            self.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The value of a field; its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub fn method(&self) -> &str {
        self.word(0)
    }

    pub fn target(&self) -> &str {
        self.word(1)
    }

    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    pub fn is_last(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    pub fn request_length(&self) -> Length {
        self.framing().unwrap_or(Length::Known(0))
    }

    pub fn response_length(&self, method: &str) -> Length {
        match self.status() {
            100..=199 | 204 | 304 => Length::Known(0),
            _ if method == "HEAD" => Length::Known(0),
            _ => self.framing().unwrap_or(Length::UntilClose),
        }
    }

    fn framing(&self) -> Option<Length> {
        if self.field("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked")) {
            return Some(Length::Chunked);
        }
        Some(Length::Known(self.field("content-length")?.parse().ok()?))
    }

    fn word(&self, index: usize) -> &str {
        self.first_line.split(' ').nth(index).unwrap_or_default()
    }
}

/// Passes a body on, as it comes.
pub async fn pass<R, W>(reader: &mut R, writer: &mut W, length: Length) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    match length {
        Length::Known(bytes) => pass_bytes(reader, writer, bytes).await,
        Length::Chunked => pass_chunks(reader, writer).await,
        Length::UntilClose => tokio::io::copy_buf(reader, writer).await.map(|_| ()),
    }
}

async fn pass_bytes<R, W>(reader: &mut R, writer: &mut W, mut left: u64) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    while left > 0 {
        let bytes = reader.fill_buf().await?;
        if bytes.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        writer.write_all(&bytes[..taken]).await?;
        reader.consume(taken);
        left -= taken as u64;
    }
    writer.flush().await
}

async fn pass_chunks<R, W>(reader: &mut R, writer: &mut W) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        let line = pass_line(reader, writer).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
        if size == 0 {
            break;
        }
        // With the line end after it.
        pass_bytes(reader, writer, size + 2).await?;
    }
    while !pass_line(reader, writer).await?.trim().is_empty() {}
    writer.flush().await
}

async fn pass_line<R, W>(reader: &mut R, writer: &mut W) -> io::Result<String>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    writer.write_all(&line).await?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}
