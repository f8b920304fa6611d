//! Media types: what a client declares a recording to be, and what it is.

mod frames;
mod iso;
mod matroska;
mod ogg;
mod others;
mod recognise;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::recognise::{Recognised, Search};

/// The text is not a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type")]
pub struct InvalidMediaType;

/// A media type without parameters, in lower case (RFC 9110 section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType(String);

/// What recordings are called besides `audio/…`, and what some of those are called by others.
const TABLE: &[(&str, &[&str])] = &[
    ("audio/mp4", &["audio/x-m4a", "audio/m4a", "application/mp4"]),
    ("video/mp4", &[]),
    ("video/quicktime", &[]),
    ("audio/3gpp", &["audio/3gpp2"]),
    ("video/3gpp", &["video/3gpp2"]),
    ("video/webm", &[]),
    ("audio/matroska", &["audio/x-matroska"]),
    ("video/matroska", &["video/x-matroska"]),
    ("audio/ogg", &["audio/opus", "audio/vorbis", "audio/x-opus+ogg", "audio/x-ogg", "application/ogg"]),
    ("video/ogg", &[]),
    ("audio/wav", &["audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"]),
    ("audio/aac", &["audio/aacp", "audio/x-aac", "audio/x-hx-aac-adts"]),
    ("audio/mpeg", &["audio/mp3", "audio/x-mp3", "audio/x-mpeg", "audio/mpeg3", "audio/x-mpeg-3"]),
    ("audio/amr", &["audio/x-amr"]),
    ("audio/flac", &["audio/x-flac", "application/x-flac"]),
    ("audio/x-caf", &["audio/caf"]),
    ("audio/aiff", &["audio/x-aiff"]),
    // Types that say nothing: the last two are what a chooser of files asks for, sent as if they were an answer.
    (MediaType::OCTET_STREAM, &["binary/octet-stream", "audio/*", "video/*"]),
];

impl MediaType {
    /// How many bytes of a recording are read at once to tell its type.
    pub const SNIFFED_BYTES: usize = 4 << 10;
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

    /// Reads what clients declare: one type, the same one several times, or nothing, which are bytes of which nothing
    /// is said.
    ///
    /// # Errors
    /// [`InvalidMediaType`] if something is no type, or if two types contradict.
    pub fn declared<'t>(values: impl IntoIterator<Item = &'t str>) -> Result<Self, InvalidMediaType> {
        let mut declared: Option<Self> = None;
        for value in values {
            for entry in entries(value) {
                let entry = Self::parse(entry)?;
                if entry.says_nothing() {
                    continue;
                }
                if declared.as_ref().is_some_and(|other| other.canonical() != entry.canonical()) {
                    return Err(InvalidMediaType);
                }
                declared.get_or_insert(entry);
            }
        }
        Ok(declared.unwrap_or_else(Self::octet_stream))
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

    /// Whether a recording may be declared to be of this type: any audio, the containers that recorders use, and
    /// bytes of which nothing is said.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.0.starts_with("audio/") || self.row().is_some()
    }

    /// What the bytes are, as far as they show it, and otherwise this type, under the name most know it by.
    #[must_use]
    pub fn or_recognised(&self, recognised: &Recognised) -> Self {
        let shown = recognised.name(self.0.starts_with("video/"));
        let likely = recognised.likely().filter(|_| self.says_nothing());
        shown.or(likely).map_or_else(|| self.canonical(), |name| Self(name.to_owned()))
    }

    /// The same type under the name most know it by.
    #[must_use]
    pub fn canonical(&self) -> Self {
        self.row().map_or_else(|| self.clone(), |canonical| Self(canonical.to_owned()))
    }

    fn says_nothing(&self) -> bool {
        self.row() == Some(Self::OCTET_STREAM)
    }

    fn row(&self) -> Option<&'static str> {
        let is_named =
            |(canonical, aliases): &&(&str, &[&str])| *canonical == self.0 || aliases.contains(&self.as_str());
        TABLE.iter().find(is_named).map(|(canonical, _)| *canonical)
    }

    /// The file name extension people expect for this type, dot included.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        match self.canonical().as_str() {
            "audio/mp4" => ".m4a",
            "video/mp4" => ".mp4",
            "video/quicktime" => ".mov",
            "audio/3gpp" | "video/3gpp" => ".3gp",
            "audio/webm" | "video/webm" => ".webm",
            "audio/matroska" => ".mka",
            "video/matroska" => ".mkv",
            "audio/ogg" => ".ogg",
            "video/ogg" => ".ogv",
            "audio/wav" => ".wav",
            "audio/aac" => ".aac",
            "audio/mpeg" => ".mp3",
            "audio/amr" => ".amr",
            "audio/amr-wb" => ".awb",
            "audio/flac" => ".flac",
            "audio/x-caf" => ".caf",
            "audio/aiff" => ".aiff",
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

/// The types in the value of a header, which some libraries send twice and some proxies join with commas.
/// Browsers write commas into parameters, quoted or not: `video/webm;codecs=vp8,opus` is one.
fn entries(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut has_parameters) = (false, false);
    let entries = value.split(move |char| {
        is_quoted ^= char == '"';
        char == ',' && !is_quoted
    });
    entries.map(str::trim).filter(move |entry| {
        let is_parameter = has_parameters && !entry.contains('/');
        has_parameters |= entry.contains(';');
        !entry.is_empty() && !is_parameter
    })
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
