//! How much of what costs a hash one client address may ask for, in this process: each account has its own count of wrong
//! passwords, which all servers share, and this keeps one address from trying all accounts, or having the queue to itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AuthError;
use crate::{id::UserId, time::Timestamp};

/// A client: an IPv4 address, or 64 bits of an IPv6 one, whose rest is its own to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Host([u8; 9]);

impl Host {
    fn of(address: IpAddr) -> Self {
        let mut bytes = [0; 9];
        match address.to_canonical() {
            IpAddr::V4(address) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                bytes[0] = 6;
                bytes[1..].copy_from_slice(&address.octets()[..8]);
            }
        }
        Self(bytes)
    }
}

/// So many in an hour, a quarter of them at once (the generic cell rate algorithm, ITU-T I.371).
pub(super) struct HourlyLimit {
    most: u32,
    /// When each host would have used up nothing; who is not here has.
    full_at: Mutex<HashMap<Host, Timestamp>>,
}

impl HourlyLimit {
    /// Of how many hosts it is known at most; more go unlimited.
    const HOSTS: usize = 10_000;

    /// `most` an hour; 0 for any number.
    pub(super) fn new(most: u32) -> Self {
        Self { most, full_at: Mutex::default() }
    }

    /// Fails if the address has used up what it may.
    pub(super) fn check(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), AuthError> {
        let Some((host, step, burst)) = self.of(address) else { return Ok(()) };
        let full_at = self.full_at().get(&host).copied().unwrap_or(now);
        let wait = full_at + step - burst - now;
        // A clock that was set back for long keeps nobody waiting.
        if wait > TimeDelta::zero() && wait <= TimeDelta::hours(1) {
            return Err(AuthError::TooManyFromAddress { wait });
        }
        Ok(())
    }

    /// Counts one.
    pub(super) fn count(&self, address: Option<IpAddr>, now: Timestamp) {
        let Some((host, step, _)) = self.of(address) else { return };
        let mut all = self.full_at();
        if all.len() >= Self::HOSTS && !all.contains_key(&host) {
            all.retain(|_, full_at| *full_at > now);
        }
        if all.len() < Self::HOSTS || all.contains_key(&host) {
            let full_at = all.entry(host).or_insert(now);
            *full_at = ((*full_at).clamp(now, now + TimeDelta::hours(1)) + step).min(now + TimeDelta::hours(1));
        }
    }

    fn of(&self, address: Option<IpAddr>) -> Option<(Host, TimeDelta, TimeDelta)> {
        let most = i32::try_from(self.most).ok().filter(|most| *most > 0)?;
        let step = TimeDelta::hours(1) / most;
        Some((Host::of(address?), step, step * (most / 4).max(1)))
    }

    fn full_at(&self) -> MutexGuard<'_, HashMap<Host, Timestamp>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places among those who wait for a hash. There are no more than the hasher has, so that whoever has one is heard.
#[derive(Clone)]
pub(super) struct Queue {
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    signed_in: Arc<Semaphore>,
    taken: Arc<Taken>,
}

/// How many places each one has who is not known.
type Taken = Mutex<HashMap<One, usize>>;

/// Who asks for a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum One {
    Host(Host),
    User(UserId),
}

/// A place, until it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    one: Option<(One, Arc<Taken>)>,
}

impl Queue {
    /// How many places there are for strangers, for those who are known, and for those who are signed in.
    const STRANGERS: usize = 48;
    const KNOWN: usize = 16;
    const SIGNED_IN: usize = 24;
    /// How many places one address has, and one user who is signed in.
    const OF_ONE: usize = 8;

    /// A place for somebody at an address.
    pub(super) fn enter(&self, address: Option<IpAddr>) -> Result<Place, AuthError> {
        let strangers = self.strangers.clone();
        match address {
            Some(address) => self.take(One::Host(Host::of(address)), strangers),
            None => Ok(Place { _permit: permit(strangers)?, one: None }),
        }
    }

    /// A place for somebody whose account was signed in to from where they are.
    pub(super) fn enter_known(&self, address: Option<IpAddr>) -> Result<Place, AuthError> {
        match permit(self.known.clone()) {
            Ok(permit) => Ok(Place { _permit: permit, one: None }),
            Err(_) => self.enter(address),
        }
    }

    /// A place for somebody who is signed in.
    pub(super) fn enter_signed_in(&self, user: UserId) -> Result<Place, AuthError> {
        self.take(One::User(user), self.signed_in.clone())
    }

    fn take(&self, one: One, places: Arc<Semaphore>) -> Result<Place, AuthError> {
        let permit = permit(places)?;
        let mut taken = lock(&self.taken);
        let places = taken.entry(one).or_default();
        if *places >= Self::OF_ONE {
            return Err(AuthError::Busy);
        }
        *places += 1;
        drop(taken);
        Ok(Place { _permit: permit, one: Some((one, self.taken.clone())) })
    }
}

fn permit(places: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, AuthError> {
    places.try_acquire_owned().map_err(|_| AuthError::Busy)
}

impl Default for Queue {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            strangers: places(Self::STRANGERS),
            known: places(Self::KNOWN),
            signed_in: places(Self::SIGNED_IN),
            taken: Arc::default(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((one, taken)) = &self.one else { return };
        let mut taken = lock(taken);
        if let Some(places) = taken.get_mut(one) {
            *places -= 1;
            if *places == 0 {
                taken.remove(one);
            }
        }
    }
}

fn lock(taken: &Taken) -> MutexGuard<'_, HashMap<One, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::timestamp;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn noon() -> Timestamp {
        timestamp("2026-11-30T12:00:00Z")
    }

    /// How many are let through of so many, one a second.
    fn through(limit: &HourlyLimit, address: Option<IpAddr>, from: Timestamp, count: i64) -> usize {
        let seconds = (0..count).map(|second| from + TimeDelta::seconds(second));
        let passed = seconds.filter(|now| {
            let is_through = limit.check(address, *now).is_ok();
            if is_through {
                limit.count(address, *now);
            }
            is_through
        });
        passed.count()
    }

    #[test]
    fn an_address_has_a_quarter_at_once_and_the_rest_over_the_hour() {
        let limit = HourlyLimit::new(60);
        let (ann, bob) = (Some(address("192.0.2.1")), Some(address("192.0.2.2")));

        assert_eq!(through(&limit, ann, noon(), 20), 15);
        assert_eq!(through(&limit, bob, noon(), 20), 15);
        let later = through(&limit, ann, noon() + TimeDelta::seconds(20), 3_580);
        assert!((58..=61).contains(&later), "{later}");
        limit.count(ann, noon() + TimeDelta::hours(1));
        let refused = limit.check(ann, noon() + TimeDelta::hours(1));
        assert!(
            matches!(refused, Err(AuthError::TooManyFromAddress { wait }) if wait <= TimeDelta::minutes(2)),
            "{refused:?}"
        );
        assert_eq!(through(&limit, ann, noon() + TimeDelta::hours(3), 20), 15);
        assert!(limit.check(ann, noon() - TimeDelta::days(9)).is_ok(), "a clock that was set back");
    }

    #[test]
    fn an_ipv6_host_is_64_bits_and_what_is_not_known_is_not_limited() {
        let limit = HourlyLimit::new(4);
        assert_eq!(through(&limit, Some(address("2001:db8::1")), noon(), 5), 1);
        assert_eq!(through(&limit, Some(address("2001:db8::ffff:1")), noon(), 5), 0);
        assert_eq!(through(&limit, Some(address("2001:db8:0:1::1")), noon(), 5), 1);
        assert_eq!(through(&limit, None, noon(), 5), 5);
        assert_eq!(through(&HourlyLimit::new(0), Some(address("192.0.2.1")), noon(), 500), 500);
    }

    #[test]
    fn however_many_addresses_there_are_so_many_are_remembered() {
        let limit = HourlyLimit::new(100);
        for number in 0..20_000_u32 {
            limit.count(Some(IpAddr::V4(number.into())), noon());
        }
        assert_eq!(limit.full_at().len(), HourlyLimit::HOSTS);
        limit.count(Some(address("2001:db8::1")), noon() + TimeDelta::hours(2));
        assert_eq!(limit.full_at().len(), 1, "what is over is forgotten");
    }

    #[test]
    fn as_few_as_one_an_hour_is_a_limit() {
        for most in 1..9 {
            let (limit, ann) = (HourlyLimit::new(most), Some(address("192.0.2.1")));
            for _ in 0..8 {
                limit.count(ann, noon());
            }
            assert!(limit.check(ann, noon()).is_err(), "{most}");
            assert!(limit.check(ann, noon() + TimeDelta::hours(1)).is_ok(), "{most}");
        }
    }

    #[test]
    fn one_address_has_a_few_places_and_strangers_leave_some_to_those_who_are_known() {
        let queue = Queue::default();
        let one: Vec<_> = (0..20).filter_map(|_| queue.enter(Some(address("192.0.2.1"))).ok()).collect();
        assert_eq!(one.len(), Queue::OF_ONE);
        let others: Vec<_> =
            (0..200).filter_map(|number| queue.enter(Some(address(&format!("198.51.{number}.1")))).ok()).collect();
        assert_eq!(one.len() + others.len(), Queue::STRANGERS);
        assert!(queue.enter(Some(address("203.0.113.1"))).is_err() && queue.enter(None).is_err());
        // Also at the address of whoever floods.
        assert!(queue.enter_known(Some(address("192.0.2.1"))).is_ok());
        let ann = UserId::generate(noon());
        let own: Vec<_> = (0..20).filter_map(|_| queue.enter_signed_in(ann).ok()).collect();
        assert_eq!(own.len(), Queue::OF_ONE);

        drop((one, others, own));

        assert!(queue.enter(Some(address("192.0.2.1"))).is_ok());
        assert!(lock(&queue.taken).is_empty());
    }
}
