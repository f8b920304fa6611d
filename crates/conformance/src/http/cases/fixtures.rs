//! The recordings in `fixtures`, and others made on the spot.

use data_encoding::{BASE64, HEXLOWER};
use tapebase_domain::{
    digest::Sha256,
    id::{RecordingId, random_bytes},
};

use crate::samples;

/// A recording, and what it is taken for.
pub struct Fixture {
    /// Its file.
    pub file: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The type its recorder declares.
    pub declared: &'static str,
    /// The type its bytes show.
    pub sniffed: &'static str,
}

macro_rules! fixtures {
    ($($file:literal $declared:literal $sniffed:literal,)*) => {
        /// One recording of every kind of recorder.
        pub const FIXTURES: &[Fixture] = &[$(Fixture {
            file: $file,
            bytes: include_bytes!(concat!("../../../fixtures/", $file)),
            declared: $declared,
            sniffed: $sniffed,
        },)*];
    };
}

fixtures! {
    "memo.m4a" "audio/x-m4a" "audio/mp4",
    "safari.mp4" "audio/mp4" "audio/mp4",
    "chrome.webm" "audio/webm" "audio/webm",
    "firefox.ogg" "audio/ogg" "audio/ogg",
    "recorder.wav" "audio/wav" "audio/wav",
    "dictaphone.mp3" "audio/mpeg" "audio/mpeg",
    "voice.caf" "audio/x-caf" "audio/x-caf",
    "android.3gp" "audio/3gpp" "audio/3gpp",
    "android.amr" "audio/amr" "audio/amr",
}

/// A voice memo.
pub const MEMO: &[u8] = FIXTURES[0].bytes;

/// As many bytes that repeat nowhere soon, eight at a time: tests ask for megabytes, and nobody optimises them.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut noise = Vec::with_capacity(length + size_of::<u64>());
    while noise.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_be_bytes());
    }
    noise.truncate(length);
    noise
}

/// The digest as recordings show it.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_hex()
}

/// The digest as RFC 9530 has it.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(&Sha256::of(bytes).0))
}

/// A ULID no recording has.
pub fn fresh_ulid() -> String {
    RecordingId::generate(samples::noon()).to_string()
}

/// A UUID no recording has.
pub fn fresh_uuid() -> String {
    let digits = HEXLOWER.encode(&random_bytes::<16>());
    format!("{}-{}-7{}-9{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..])
}

/// Everything but letters and digits as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
