//! Media types: what a client declares, and what the first bytes say when it declares nothing.

use std::fmt;

/// The text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type")]
pub struct InvalidMediaType;

/// A media type without parameters, in lower case (RFC 9110 section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType(String);

impl MediaType {
    /// How many bytes of a recording tell its type.
    pub const SNIFFED_BYTES: usize = 12;
    const OCTET_STREAM: &str = "application/octet-stream";

    /// Reads `type/subtype`, dropping parameters such as `;codecs=opus`.
    ///
    /// # Errors
    /// [`InvalidMediaType`] if the text is not two tokens joined by a slash.
    pub fn parse(text: &str) -> Result<Self, InvalidMediaType> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) && essence.len() <= 127 => {
                Ok(Self(essence.to_ascii_lowercase()))
            }
            _ => Err(InvalidMediaType),
        }
    }

    /// What [`Self::as_str`] gave once, kept with a checksum.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Bytes of which nothing is said.
    #[must_use]
    pub fn octet_stream() -> Self {
        Self(Self::OCTET_STREAM.to_owned())
    }

    /// Whether a recording may be of this type: any audio, the two video containers recorders use,
    /// and bytes of which nothing is said.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.0.starts_with("audio/") || matches!(self.as_str(), "video/mp4" | "video/webm" | Self::OCTET_STREAM)
    }

    /// This type, or what `head` shows where nothing was declared.
    #[must_use]
    pub fn or_sniffed(self, head: &[u8]) -> Self {
        match sniff(head) {
            Some(sniffed) if self.0 == Self::OCTET_STREAM => Self(sniffed.to_owned()),
            _ => self,
        }
    }

    /// The file name extension people expect for this type, dot included.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        match self.as_str() {
            "audio/mp4" | "audio/m4a" | "audio/x-m4a" => ".m4a",
            "video/mp4" => ".mp4",
            "audio/webm" | "video/webm" => ".webm",
            "audio/ogg" | "audio/opus" => ".ogg",
            "audio/wav" | "audio/x-wav" | "audio/wave" => ".wav",
            "audio/mpeg" | "audio/mp3" => ".mp3",
            "audio/x-caf" => ".caf",
            "audio/3gpp" => ".3gp",
            "audio/amr" => ".amr",
            "audio/aac" => ".aac",
            "audio/flac" | "audio/x-flac" => ".flac",
            _ => "",
        }
    }

    /// `type/subtype` in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, for whoever needs nothing but the text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Recognises the containers that phones and browsers record into by their first bytes.
fn sniff(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) == Some(b"ftyp") {
        return Some(match head.get(8..12)? {
            b"M4A " | b"M4B " => "audio/mp4",
            [b'3', b'g', _, _] => "audio/3gpp",
            _ => "video/mp4",
        });
    }
    let known: [(&[u8], &str); 6] = [
        (b"\x1A\x45\xDF\xA3", "video/webm"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"caff", "audio/x-caf"),
        (b"#!AMR", "audio/amr"),
        (b"ID3", "audio/mpeg"),
    ];
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE") {
        return Some("audio/wav");
    }
    if let [0xFF, second, ..] = head {
        // MPEG frames begin with eleven set bits; in AAC's the two bits of the layer are clear.
        match second & 0b1111_0110 {
            0b1111_0000 => return Some("audio/aac"),
            _ if second & 0b1110_0000 == 0b1110_0000 => return Some("audio/mpeg"),
            _ => {}
        }
    }
    known.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_letter_case_do_not_matter() {
        assert_eq!(MediaType::parse("Audio/WebM;codecs=opus"), Ok(MediaType("audio/webm".into())));
        for text in ["", "audio", "audio/", "/mp4", "au dio/mp4", "audio/mp4\r\nx: y", "audio/mp4/x"] {
            assert_eq!(MediaType::parse(text), Err(InvalidMediaType), "{text:?}");
        }
    }

    #[test]
    fn only_recordings_are_recordings() {
        let is_recording = |text| MediaType::parse(text).is_ok_and(|media_type| media_type.is_recording());
        for text in ["audio/mp4", "audio/anything", "video/mp4", "video/webm", "application/octet-stream"] {
            assert!(is_recording(text), "{text}");
        }
        for text in ["text/html", "image/svg+xml", "video/x-msvideo", "application/json"] {
            assert!(!is_recording(text), "{text}");
        }
    }

    #[test]
    fn a_declared_type_wins_over_the_bytes() {
        let declared = MediaType("audio/x-m4a".into());
        assert_eq!(declared.clone().or_sniffed(b"OggS...."), declared);
        assert_eq!(MediaType::octet_stream().or_sniffed(b"\0\0\0\x1cftypM4A \0").as_str(), "audio/mp4");
        assert_eq!(MediaType::octet_stream().or_sniffed(b"\0\0\0\x1cft").as_str(), MediaType::OCTET_STREAM);
    }
}
