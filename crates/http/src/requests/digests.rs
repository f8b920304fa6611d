//! Digest fields (RFC 9530): checked on the way in, sent on the way out. Only `sha-256` is spoken here.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use data_encoding::BASE64;
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use tapebase_api::Slug;
use tapebase_domain::digest::Sha256;

use crate::answers::problem::Problem;

/// The digest of the whole representation.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
/// The digest of this message's content: the same where nothing is encoded or cut.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The SHA-256 the body must have; algorithms that are not known here are ignored, as the RFC asks.
pub fn expected(headers: &HeaderMap) -> Result<Option<Sha256>, Problem> {
    let mut expected = None;
    for name in [REPR_DIGEST, CONTENT_DIGEST] {
        let Some(digest) = sha256(headers, &name)? else { continue };
        if expected.is_some_and(|other| other != digest) {
            return Err(Problem::new(Slug::InvalidParameter, "Repr-Digest and Content-Digest contradict."));
        }
        expected = Some(digest);
    }
    Ok(expected)
}

fn sha256(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Sha256>, Problem> {
    let lines: Vec<&[u8]> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let malformed = || Problem::new(Slug::InvalidParameter, format!("Send {name}: sha-256=:BASE64: (RFC 9530)."));
    let field: Dictionary = Parser::new(&lines.join(&b", "[..])).parse().map_err(|_| malformed())?;
    match field.get("sha-256") {
        None => Ok(None),
        Some(ListEntry::Item(item)) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => Sha256::from_slice(bytes).map(Some).ok_or_else(malformed),
            _ => Err(malformed()),
        },
        Some(ListEntry::InnerList(_)) => Err(malformed()),
    }
}

/// The value of a digest field.
pub fn field(digest: Sha256) -> String {
    format!("sha-256=:{}:", BASE64.encode(&digest.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Option<Sha256>, Slug> {
        let headers = HeaderMap::from_iter([(REPR_DIGEST, HeaderValue::from_str(value).expect("a header value"))]);
        expected(&headers).map_err(|problem| problem.slug())
    }

    #[test]
    fn a_digest_reads_back() {
        let digest = Sha256::of(b"speech");
        assert_eq!(parse(&field(digest)), Ok(Some(digest)));
        assert_eq!(parse(&format!("md5=:AAAA:, {}", field(digest))), Ok(Some(digest)));
    }

    #[test]
    fn what_is_not_known_is_ignored_and_what_is_malformed_refused() {
        assert_eq!(parse("sha-512=:AAAA:"), Ok(None));
        for value in ["sha-256=abc", "sha-256=:AAAA:", "sha-256", "sha-256=:!!:", "sha-256=(:AAAA:)", "="] {
            assert_eq!(parse(value), Err(Slug::InvalidParameter), "{value}");
        }
    }
}
