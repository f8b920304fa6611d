//! What proxies in front say of a request: `Forwarded` (RFC 7239), or `X-Forwarded-…`. Anybody can send these fields, so
//! they count from configured proxies only, and only what those have added.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap},
};

use crate::requests::proxies::Proxies;

/// What the outermost of the proxies that are believed says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Who sent the request to it.
    pub client: Option<IpAddr>,
    /// The scheme the client used.
    pub proto: Option<String>,
    /// The host, and maybe port, the client used.
    pub host: Option<String>,
    /// The port the client used.
    pub port: Option<String>,
    /// What it has taken off the path.
    pub prefix: Option<String>,
}

impl Forwarded {
    /// What is said of `request`; nothing, unless it came from one of `proxies`.
    pub fn of(request: &HttpRequest, proxies: &Proxies) -> Self {
        match request.peer_addr() {
            Some(peer) if proxies.contains(peer.ip()) => Self::read(request.headers(), proxies),
            _ => Self::default(),
        }
    }

    fn read(headers: &HeaderMap, proxies: &Proxies) -> Self {
        let elements = list(headers, header::FORWARDED.as_str());
        // What nearly all proxies say goes first: they pass on the other as their clients have sent it.
        if elements.is_empty() || headers.contains_key("x-forwarded-for") {
            return Self::read_separate(headers, proxies);
        }
        let clients: Vec<_> = elements.iter().map(|element| parameter(element, "for")).collect();
        let (at, client) = outermost(&clients, proxies);
        let element = elements[at];
        Self {
            client,
            proto: parameter(element, "proto").map(str::to_owned),
            host: parameter(element, "host").map(str::to_owned),
            port: None,
            prefix: last(headers, "x-forwarded-prefix", 1),
        }
    }

    fn read_separate(headers: &HeaderMap, proxies: &Proxies) -> Self {
        let clients: Vec<_> = list(headers, "x-forwarded-for").into_iter().map(Some).collect();
        let (at, client) = outermost(&clients, proxies);
        // Each proxy has added to each of the lists, if it has to any.
        let hops = clients.len().saturating_sub(at).max(1);
        Self {
            client,
            proto: last(headers, "x-forwarded-proto", hops),
            host: last(headers, "x-forwarded-host", hops),
            port: last(headers, "x-forwarded-port", hops),
            prefix: last(headers, "x-forwarded-prefix", hops),
        }
    }
}

/// Which of the clients named sent its request to the outermost proxy that is believed: behind it stand proxies only.
fn outermost(clients: &[Option<&str>], proxies: &Proxies) -> (usize, Option<IpAddr>) {
    let mut at = clients.len().saturating_sub(1);
    while at > 0 && clients[at].and_then(address).is_some_and(|address| proxies.contains(address)) {
        at -= 1;
    }
    (at, clients.get(at).copied().flatten().and_then(address))
}

/// An address, of which the port, if there is one, says nothing.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// The elements of a list, in all fields of the name.
fn list<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    let values = headers.get_all(name).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty()).collect()
}

/// The element so far from the end of a list, or its first.
fn last(headers: &HeaderMap, name: &str, from_end: usize) -> Option<String> {
    let elements = list(headers, name);
    elements.get(elements.len().saturating_sub(from_end)).map(|&element| element.to_owned())
}

/// What `name` is in an element of `Forwarded`.
fn parameter<'e>(element: &'e str, name: &str) -> Option<&'e str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(fields: &[(&'static str, &str)]) -> Forwarded {
        let mut request = TestRequest::default().peer_addr("10.0.0.1:4711".parse().expect("an address"));
        for &field in fields {
            request = request.append_header(field);
        }
        Forwarded::of(&request.to_http_request(), &"10.0.0.0/8".parse().expect("a network"))
    }

    fn is(forwarded: &Forwarded, client: &str, proto: &str, host: &str) {
        let client = client.parse().expect("an address");
        let found = (forwarded.client, forwarded.proto.as_deref(), forwarded.host.as_deref());
        assert_eq!(found, (Some(client), Some(proto), Some(host)));
    }

    #[test]
    fn the_outermost_proxy_that_is_believed_counts_and_what_the_client_sent_does_not() {
        let forged =
            r#"for=1.1.1.1;proto=ftp;host=evil.example, for="[2001:db8::1]:99";proto=https;host="a.example:8443""#;
        is(&read(&[("Forwarded", forged)]), "2001:db8::1", "https", "a.example:8443");

        let two = "for=192.0.2.7;proto=https;host=a.example, for=10.0.0.2;proto=http;host=inner";
        is(&read(&[("Forwarded", two)]), "192.0.2.7", "https", "a.example");

        let separate = [
            ("X-Forwarded-For", "1.1.1.1, 192.0.2.7, 10.0.0.2"),
            ("X-Forwarded-Proto", "ftp, https, http"),
            ("X-Forwarded-Host", "evil.example, a.example"),
            ("X-Forwarded-Host", "inner"),
        ];
        is(&read(&separate), "192.0.2.7", "https", "a.example");

        let one = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example")];
        is(&read(&one), "192.0.2.7", "https", "a.example");
        // As a client sends it, and a proxy passes it on that knows the other fields alone.
        let forged = ("Forwarded", "for=1.1.1.1;proto=ftp;host=evil.example");
        is(&read(&[&one[..], &[forged]].concat()), "192.0.2.7", "https", "a.example");
    }

    #[test]
    fn nothing_is_believed_of_anybody_else() {
        let request = TestRequest::default()
            .peer_addr("192.0.2.9:4711".parse().expect("an address"))
            .append_header(("Forwarded", "for=1.1.1.1;proto=https;host=evil.example"))
            .append_header(("X-Forwarded-Host", "evil.example"));
        let forwarded = Forwarded::of(&request.to_http_request(), &"10.0.0.0/8".parse().expect("a network"));

        assert_eq!(forwarded, Forwarded::default());
    }
}
