//! What the server says of itself: the same for everybody until another version runs, so whoever has it is not sent it
//! again.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, ContentEncoding, EntityTag, HeaderValue},
};
use bytes::Bytes;
use tapebase_domain::digest::Sha256;

use crate::{
    answers::{
        caching::{self, SHARED},
        problem::Problem,
    },
    requests::conditions::{self, Read},
};

/// A text that anybody may read.
pub struct Document {
    media_type: &'static str,
    text: Bytes,
    is_gzipped: bool,
    tag: EntityTag,
}

impl Document {
    /// A text of this type.
    pub fn new(media_type: &'static str, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let tag = EntityTag::new_strong(Sha256::of(&text).to_hex());
        Self { media_type, text, is_gzipped: false, tag }
    }

    /// One that is compressed already, for browsers: all of them take that.
    pub fn gzipped(media_type: &'static str, text: &'static [u8]) -> Self {
        Self { is_gzipped: true, ..Self::new(media_type, text) }
    }

    /// The same of a page, or what it is made of: a browser lets it do what `policy` allows, and tells nobody of it.
    pub fn answer_page(&self, request: &HttpRequest, policy: HeaderValue) -> Result<HttpResponse, Problem> {
        let mut response = self.answer(request)?;
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }

    /// Answers a GET or HEAD for it.
    pub fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        Ok(match conditions::weigh(request, &self.tag)? {
            Read::NotModified => caching::not_modified(&self.tag).insert_header(SHARED).finish(),
            Read::Proceed => {
                let mut response = HttpResponse::Ok();
                response.content_type(self.media_type).insert_header((header::ETAG, self.tag.to_string()));
                if self.is_gzipped {
                    response.insert_header(ContentEncoding::Gzip);
                }
                response.insert_header(SHARED).body(self.text.clone())
            }
        })
    }
}
