//! Where clients find this server: as the operator says, as a proxy that is believed says, or as the client itself says.

use std::{fmt, str::FromStr};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        Uri, header,
        uri::{Authority, Scheme},
    },
    web,
};
use serde::{Deserialize, Serialize};

use crate::{HttpPolicy, requests::forwarded::Forwarded};

/// The URL below which clients find everything, as the operator has set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(Place);

/// What is no such URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPublicUrl;

impl fmt::Display for InvalidPublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("public_url must be like https://tapes.example.com, or https://example.com/tapes")
    }
}

impl std::error::Error for InvalidPublicUrl {}

/// Where clients find this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `https://tapes.example.com:8443`
    origin: String,
    /// `/tapes`, or nothing.
    prefix: String,
}

impl Place {
    /// Where whoever sent `request` finds this server, as far as is known.
    pub fn of(request: &HttpRequest) -> Self {
        let policy = request.app_data::<web::Data<HttpPolicy>>();
        if let Some(PublicUrl(place)) = policy.and_then(|policy| policy.public_url.as_ref()) {
            return place.clone();
        }
        let forwarded = policy.map(|policy| Forwarded::of(request, &policy.proxies)).unwrap_or_default();
        let is_secure = forwarded.proto.as_deref().is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let scheme = if is_secure { Scheme::HTTPS } else { Scheme::HTTP };
        let host = forwarded.host.filter(|host| is_host(host)).map(|host| match forwarded.port {
            Some(port) => with_port(host, &scheme, &port),
            None => host,
        });
        let host = host.unwrap_or_else(|| host_of(request));
        let prefix = forwarded.prefix.and_then(|prefix| parse_prefix(&prefix)).unwrap_or_default();
        Self { origin: format!("{scheme}://{host}"), prefix }
    }

    /// `tapes.example.com:8443`
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The URL of a path of this server.
    pub fn url(&self, path: &str) -> String {
        let Self { origin, prefix } = self;
        format!("{origin}{prefix}{path}")
    }

    /// A path of this server, for whoever knows its host already.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// 201: what was made is at this path.
    pub fn created(&self, path: &str) -> HttpResponseBuilder {
        let mut response = HttpResponse::Created();
        response.insert_header((header::LOCATION, self.path(path)));
        response
    }
}

/// The host the request itself names.
fn host_of(request: &HttpRequest) -> String {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    let named = named.or_else(|| request.uri().authority().map(Authority::as_str));
    named.unwrap_or_else(|| request.app_config().host()).to_owned()
}

/// Whether it is a host and perhaps a port, and nothing that would change what a URL means.
fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty() && !text.contains('@'))
}

fn with_port(host: String, scheme: &Scheme, port: &str) -> String {
    let usual = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let has_port = host.parse::<Authority>().is_ok_and(|authority| authority.port().is_some());
    match port.parse::<u16>() {
        Ok(port) if port != usual && !has_port => format!("{host}:{port}"),
        _ => host,
    }
}

/// A path without the slash at its end.
fn parse_prefix(text: &str) -> Option<String> {
    let prefix = text.trim_end_matches('/');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte);
    let is_path = prefix.is_empty() || (prefix.starts_with('/') && !prefix.starts_with("//"));
    (is_path && prefix.bytes().all(is_plain)).then(|| prefix.to_owned())
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidPublicUrl)?;
        let is_web = uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let host = uri.authority().map(Authority::as_str).filter(|host| is_host(host)).ok_or(InvalidPublicUrl)?;
        let prefix = parse_prefix(uri.path()).ok_or(InvalidPublicUrl)?;
        // What follows a hash is not in a `Uri` any more.
        if !is_web || uri.query().is_some() || text.contains('#') {
            return Err(InvalidPublicUrl);
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        Ok(Self(Place { origin: format!("{scheme}://{host}"), prefix }))
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = InvalidPublicUrl;

    fn try_from(text: String) -> Result<Self, InvalidPublicUrl> {
        text.parse()
    }
}

impl From<PublicUrl> for String {
    fn from(PublicUrl(place): PublicUrl) -> Self {
        place.url("")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use super::*;
    use crate::{Origins, Rates};

    fn place(public_url: Option<&str>, fields: &[(&'static str, &str)]) -> Place {
        let policy = HttpPolicy {
            body_timeout: Duration::from_secs(1),
            body_bytes: None,
            public_url: public_url.map(|url| url.parse().expect("a URL")),
            proxies: "10.0.0.0/8".parse().expect("a network"),
            allowed_origins: Origins::default(),
            rates: Rates::new(0, 0),
            routes_2018: true,
        };
        let mut request = TestRequest::default().peer_addr("10.0.0.1:4711".parse().expect("an address"));
        for &field in fields {
            request = request.append_header(field);
        }
        Place::of(&request.app_data(web::Data::new(policy)).to_http_request())
    }

    #[test]
    fn what_the_operator_says_goes_before_what_proxies_say_and_that_before_the_host() {
        let fields = [
            ("Host", "127.0.0.1:8080"),
            ("X-Forwarded-Host", "a.example"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Port", "8443"),
            ("X-Forwarded-Prefix", "/tapes/"),
        ];

        let set = place(Some("https://b.example:444/x/"), &fields);
        assert_eq!((set.url("/v1"), set.path("/v1")), ("https://b.example:444/x/v1".into(), "/x/v1".into()));
        let forwarded = place(None, &fields);
        let expected = ("https://a.example:8443/tapes/v1".into(), "/tapes/v1".into());
        assert_eq!((forwarded.url("/v1"), forwarded.path("/v1")), expected);
        let plain = place(None, &fields[..1]);
        assert_eq!((plain.url("/v1"), plain.path("/v1")), ("http://127.0.0.1:8080/v1".into(), "/v1".into()));
    }

    #[test]
    fn what_would_lead_elsewhere_is_passed_over() {
        for field in [
            ("X-Forwarded-Host", "ann@evil.example"),
            ("X-Forwarded-Host", "evil.example/path"),
            ("X-Forwarded-Proto", "ftp"),
            ("X-Forwarded-Prefix", "//evil.example"),
            ("X-Forwarded-Prefix", "/a?b"),
            ("Forwarded", "host=\"a b\";proto=javascript"),
        ] {
            assert_eq!(place(None, &[("Host", "a.example"), field]).url("/v1"), "http://a.example/v1", "{field:?}");
        }
    }

    #[test]
    fn a_public_url_is_a_place_on_the_web_and_nothing_else() {
        for text in ["https://a.example", "http://a.example:8080", "https://[::1]:80/tapes", "https://a.example/a/b/"] {
            let url: PublicUrl = text.parse().expect(text);
            assert_eq!(String::from(url), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://ann:s3cret@a.example",
            "https://a/?b",
            "https://a/#b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
