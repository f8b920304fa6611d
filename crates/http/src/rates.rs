//! How many requests are answered in a minute, by this process: of one client address, as long as they prove nothing, and
//! of one user, where the operator wants that.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use actix_web::{
    Error, HttpRequest, ResponseError as _,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web::Data,
};
use chrono::TimeDelta;
use governor::{DefaultKeyedRateLimiter, Quota, clock::Clock as _};
use tapebase_api::{Slug, paths};
use tapebase_domain::id::UserId;

use crate::{
    HttpPolicy,
    answers::problem::{Problem, whole_seconds},
    cors::rate_limits,
    network,
    requests::{caller::client_address, cookie},
};

/// How many requests there may be in a minute.
#[derive(Debug, Clone)]
pub struct Rates {
    addresses: Option<Arc<Rate>>,
    users: Option<Arc<Rate>>,
}

/// So many in a minute, all of them at once if need be.
#[derive(Debug)]
struct Rate {
    most: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<u16>,
    places: RandomState,
}

impl Rates {
    /// So many requests that prove nothing of one client address, and so many of one user; any number if 0.
    #[must_use]
    pub fn new(per_address: u32, per_user: u32) -> Self {
        let rate = |most| NonZeroU32::new(most).map(|most| Arc::new(Rate::new(most)));
        Self { addresses: rate(per_address), users: rate(per_user) }
    }

    fn count_user(&self, user: UserId) -> Result<(), Problem> {
        self.users.as_ref().map_or(Ok(()), |rate| rate.count(user))
    }

    /// What claims nothing, and what claims something in vain, are counted apart: whoever has a token that has ended keeps
    /// nobody at the same address from signing in.
    fn count_address(&self, address: Option<IpAddr>, has_claim: bool) -> Result<(), Problem> {
        self.addresses.as_ref().zip(address).map_or(Ok(()), |(rate, address)| rate.count((network(address), has_claim)))
    }
}

/// Counts a request of somebody who has proved who they are.
pub fn count_user(policy: Option<&Data<HttpPolicy>>, user: UserId) -> Result<(), Problem> {
    policy.map_or(Ok(()), |policy| policy.rates.count_user(user))
}

impl Rate {
    fn new(most: NonZeroU32) -> Self {
        Self { most, limiter: DefaultKeyedRateLimiter::keyed(Quota::per_minute(most)), places: RandomState::new() }
    }

    /// Two that meet in one of 65,536 places share what one may: nothing grows with how many there are, and nobody can
    /// choose whom they meet.
    fn count(&self, whose: impl Hash) -> Result<(), Problem> {
        let [first, second, ..] = self.places.hash_one(whose).to_le_bytes();
        let place = u16::from_le_bytes([first, second]);
        let now = self.limiter.clock().now();
        self.limiter.check_key(&place).map_err(|until| self.problem(until.wait_time_from(now)))
    }

    fn problem(&self, wait: Duration) -> Problem {
        let seconds = whole_seconds(TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX));
        Problem::new(Slug::TooManyRequests, format!("Too many requests. Wait for {seconds} seconds."))
            .with_header(header::RETRY_AFTER, seconds.to_string())
            .with_header(rate_limits::POLICY, format!("\"requests\";q={};w=60", self.most))
            .with_header(rate_limits::LIMIT, format!("\"requests\";r=0;t={seconds}"))
    }
}

/// Middleware: counts requests that prove nothing by their client's address, and refuses those that are too many: before
/// anything is done, or where somebody claims to prove something, once it has turned out to be nothing.
///
/// # Errors
/// Whatever the inner service fails with.
pub async fn limit<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let Some(policy) = request.app_data::<Data<HttpPolicy>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let claim = Claim::of(request.request());
    let count = |request: &HttpRequest| policy.rates.count_address(client_address(request), claim.is_some());
    if claim.is_none()
        && !is_probe(request.request())
        && let Err(problem) = count(request.request())
    {
        return Ok(request.into_response(problem.error_response()).map_into_right_body());
    }
    let response = next.call(request).await?;
    if claim.is_some_and(|claim| claim.is_refuted_by(response.status()))
        && let Err(problem) = count(response.request())
    {
        return Ok(response.into_response(problem.error_response()).map_into_right_body());
    }
    Ok(response.map_into_left_body())
}

/// Whoever watches the server, from one address for all, is to see it.
fn is_probe(request: &HttpRequest) -> bool {
    [paths::HEALTH, paths::READINESS].contains(&request.path())
}

/// What a request claims to prove that it may be made.
#[derive(Clone, Copy)]
enum Claim {
    /// It has a token.
    Token,
    /// It is for a signed link, which may be played by many behind one address.
    Link,
}

impl Claim {
    /// Where no token is looked at, there is none.
    fn of(request: &HttpRequest) -> Option<Self> {
        let is_below = |folders: &[&str]| folders.iter().any(|folder| request.path().starts_with(folder));
        let has_token = request.headers().contains_key(header::AUTHORIZATION) || cookie::is_presented(request);
        let is_looked_at = is_below(&["/v1/", "/record/", "/upload/"]) && !is_below(&["/v1/auth/", "/v1/play/"]);
        if has_token && (is_looked_at || request.path() == paths::LOG_OUT) {
            Some(Self::Token)
        } else if is_below(&["/v1/play/", "/v1/direct/"]) {
            Some(Self::Link)
        } else {
            None
        }
    }

    fn is_refuted_by(self, status: StatusCode) -> bool {
        match self {
            Self::Token => status == StatusCode::UNAUTHORIZED,
            Self::Link => matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_has_so_many_and_others_have_theirs() {
        let rates = Rates::new(3, 0);
        let is_answered = |text: &str| rates.count_address(Some(address(text)), false).is_ok();

        assert!((0..3).all(|_| is_answered("192.0.2.7")));
        assert!(!is_answered("192.0.2.7") && !is_answered("::ffff:192.0.2.7"));
        assert!((0..3).all(|host| is_answered(&format!("2001:db8::{host}"))));
        assert!(!is_answered("2001:db8::ffff:7") && is_answered("2001:db8:0:1::7"));
        assert!((0..9).all(|_| rates.count_address(None, false).is_ok()), "an address that says nothing");
    }

    #[test]
    fn zero_is_any_number() {
        let (rates, user) = (Rates::new(0, 0), UserId::generate(chrono::DateTime::UNIX_EPOCH));

        assert!(
            (0..9).all(
                |_| rates.count_address(Some(address("192.0.2.7")), true).is_ok() && rates.count_user(user).is_ok()
            )
        );
    }
}
