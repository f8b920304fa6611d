//! What blobs are called in every store that names them: 32 random hexadecimal digits.

use data_encoding::HEXLOWER;
use tapebase_domain::id::random_bytes;

const DIGITS: usize = 32;

/// A name no blob has had.
pub fn fresh() -> String {
    HEXLOWER.encode(&random_bytes::<{ DIGITS / 2 }>())
}

/// Whether `text` is such a name.
pub fn is_one(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
