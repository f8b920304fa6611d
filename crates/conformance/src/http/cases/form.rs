//! Forms, byte for byte as clients build them.

use crate::http::Request;

/// A form being written.
pub struct Form {
    content_type: String,
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    /// As Chrome and Safari do it.
    pub fn chrome() -> Self {
        Self::of("----WebKitFormBoundary7MA4YWxkTrZu0gW")
    }

    /// As Firefox does it.
    pub fn firefox() -> Self {
        Self::of("----geckoformboundaryc2a2fd4ea8ae4f1f2b1d1e5f2a3c4d5e")
    }

    /// As `curl -F` does it.
    pub fn curl() -> Self {
        Self::of("------------------------8d1f7c3b5a2e9460XqYzPw")
    }

    /// With a boundary that needs no quotes.
    pub fn of(boundary: &str) -> Self {
        Self::announced(format!("multipart/form-data; boundary={boundary}"), boundary)
    }

    /// With a `Content-Type` of its own.
    pub fn announced(content_type: impl Into<String>, boundary: &str) -> Self {
        Self { content_type: content_type.into(), boundary: boundary.to_owned(), body: Vec::new() }
    }

    /// A part with exactly these header lines.
    pub fn part(self, headers: &str, content: impl AsRef<[u8]>) -> Self {
        self.raw_part(headers.as_bytes(), content)
    }

    /// A part with these header lines, which need not be text.
    pub fn raw_part(mut self, headers: &[u8], content: impl AsRef<[u8]>) -> Self {
        self.body.extend(format!("--{}\r\n", self.boundary).as_bytes());
        self.body.extend([headers, b"\r\n\r\n"].concat());
        self.body.extend(content.as_ref());
        self.body.extend(b"\r\n");
        self
    }

    /// A text field.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
    }

    /// A file, under a name that is in quotes already.
    pub fn file(self, quoted_name: &str, media_type: &str, content: impl AsRef<[u8]>) -> Self {
        let disposition = format!("Content-Disposition: form-data; name=\"file\"; filename={quoted_name}");
        self.part(&format!("{disposition}\r\nContent-Type: {media_type}"), content)
    }

    /// The form up to here, as if the client had broken off.
    pub fn unfinished(self) -> Request {
        self.ending("")
    }

    /// The whole form.
    pub fn finished(self) -> Request {
        let end = format!("--{}--\r\n", self.boundary);
        self.ending(&end)
    }

    /// The form with something else at its end.
    pub fn ending(mut self, end: &str) -> Request {
        self.body.extend(end.as_bytes());
        Request::new("POST", "/v1/recordings").body(&self.content_type, self.body)
    }
}
