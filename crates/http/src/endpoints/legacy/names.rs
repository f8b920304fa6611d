//! Ids as the 2018 server's clients know them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tapebase_domain::{
    id::RecordingId,
    recording::Recording,
    user::{SocialId, User},
};

/// Everything that cannot stand in a path segment as it is (RFC 3986 `pchar`), and `%` itself.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

const TIME_FORMAT: &str = "%Y-%m-%d_%H-%M-%S";
const TIME_LENGTH: usize = "2018-01-31_23-59-59".len();

/// `<social_type>_<social_id>`, percent-encoded where it could not stand in a header or a path.
///
/// A network's name has no underscore, so the first one in the id always parts the two.
pub fn user_id(user: &User) -> String {
    user.social_id().map_or_else(|| user.id.to_string(), social_user_id)
}

fn social_user_id(social: &SocialId) -> String {
    format!("{}_{}", utf8_percent_encode(social.network(), UNSAFE), utf8_percent_encode(social.id(), UNSAFE))
}

/// `<user_id>_<YYYY-MM-DD_HH-MM-SS>_<id><extension>`: clients read the time of day from it.
pub fn record_id(user_id: &str, recording: &Recording) -> String {
    with_extension(user_id, recording, extension(recording.details.name.as_str()))
}

/// The same as it was listed once, with whatever is behind the last dot, a slash among it.
pub fn former_record_id(user_id: &str, recording: &Recording) -> String {
    let name = recording.details.name.as_str();
    with_extension(user_id, recording, name.rfind('.').map_or("", |dot| &name[dot..]))
}

fn with_extension(user_id: &str, recording: &Recording, extension: &str) -> String {
    let time = recording.received_at.format(TIME_FORMAT);
    format!("{user_id}_{time}_{}{}", recording.id, utf8_percent_encode(extension, UNSAFE))
}

/// The letters and digits, of any script, behind the last dot, dot included. A `%2F` in an id would be a slash to some
/// proxies and libraries.
fn extension(name: &str) -> &str {
    let Some(dot) = name.rfind('.') else { return "" };
    let extension = &name[dot + 1..];
    match extension.find(|char: char| !char.is_alphanumeric()).unwrap_or(extension.len()) {
        0 => "",
        end => &name[dot..=dot + end],
    }
}

/// The recording's own id inside what [`record_id`] made for this user.
pub fn recording_id(user_id: &str, record_id: &str) -> Option<RecordingId> {
    let rest = record_id.strip_prefix(user_id)?.strip_prefix('_')?;
    let rest = rest.get(TIME_LENGTH..)?.strip_prefix('_')?;
    let id = rest.split('.').next()?;
    RecordingId::parse(id).ok()
}
