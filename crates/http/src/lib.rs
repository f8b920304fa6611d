//! The HTTP API: translates requests into the domain's words and its answers back.
//!
//! The table in [`routes`] names every endpoint and the function that answers it; start there. What it reads is in
//! `requests` and `bodies`, what it sends in `answers`.
//! Nothing here decides anything: handlers extract, call a use case and reply.
//! It depends on the domain and on `api`, which is what goes over the wire.
//! It works over any adapter, behind any front end that runs an actix app.

mod answers;
mod bodies;
mod cors;
mod deadline;
mod endpoints;
mod failures;
mod layers;
mod mailing;
mod memory;
mod openapi;
mod rates;
mod request_log;
mod requests;
pub mod routes;
mod stopping;
mod tasks;

pub use self::{
    answers::problem::Meaning,
    failures::Failures,
    layers::wrapped,
    rates::Rates,
    requests::{
        origins::{InvalidOrigin, Origins},
        place::{InvalidPublicUrl, PublicUrl},
        proxies::{InvalidProxy, Proxies},
        texts::Texts,
    },
    stopping::Stopping,
    tasks::Tasks,
};

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use tapebase_api::Slug;

use self::{answers::problem::Problem, requests::forwarded::Forwarded};

/// Who sent a request to the proxy that is believed, if one did.
#[must_use]
pub fn forwarded_client(request: &HttpRequest, proxies: &Proxies) -> Option<IpAddr> {
    Forwarded::of(request, proxies).client
}

/// Whether an address is of this machine or of a private network.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// An address as clients are told apart by: of an IPv6 address, the last half is its client's to choose.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The answer to a client that has too many requests under way already.
#[must_use]
pub fn too_many_requests() -> HttpResponse {
    let detail = "This address has the maximum number of requests in progress. Wait for some to finish.";
    Problem::new(Slug::TooManyRequests, detail).error_response()
}

/// What the operator decides about HTTP itself.
#[derive(Debug, Clone)]
pub struct HttpPolicy {
    /// How long a client may take for the next few bytes of a body.
    pub body_timeout: Duration,
    /// The most bytes of a body this front end is handed; any number otherwise.
    pub body_bytes: Option<u64>,
    /// Where clients find the server, if not where their requests say.
    pub public_url: Option<PublicUrl>,
    /// The proxies in front whose word on that counts.
    pub proxies: Proxies,
    /// The origins whose pages may use the API.
    pub allowed_origins: Origins,
    /// How many requests are answered.
    pub rates: Rates,
    /// Whether the routes of 2018 are there.
    pub routes_2018: bool,
}
