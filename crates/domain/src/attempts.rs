//! How often somebody may try a password: each try that fails makes the next one wait for longer.
//!
//! What is tried from a network that the account has been signed in to from has a lane of its own, so that whoever guesses
//! from elsewhere never locks the owner out.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use chrono::TimeDelta;

use crate::{digest::Sha256, time::Timestamp};

/// A network that a device is in: what its address begins with, 24 bits of an IPv4 address, 56 of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network([u8; 8]);

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [first, second, third, _] = address.octets();
                Self([4, first, second, third, 0, 0, 0, 0])
            }
            IpAddr::V6(address) => {
                let mut bytes = [6; 8];
                bytes[1..].copy_from_slice(&address.octets()[..7]);
                Self(bytes)
            }
        }
    }
}

/// Which account is tried, known or not: a digest, so that no store has what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey(pub Sha256);

impl AttemptKey {
    /// Of a typed email address.
    #[must_use]
    pub fn of_email(email: &crate::user::Email) -> Self {
        Self(Sha256::of(format!("email {}", email.as_str()).as_bytes()))
    }

    /// Of somebody who is signed in.
    #[must_use]
    pub fn of_user(user: crate::id::UserId) -> Self {
        Self(Sha256::of(format!("user {user}").as_bytes()))
    }

    /// Of a network, as this account's store has it.
    fn device(self, network: Network) -> DeviceDigest {
        let digest = Sha256::of(&[&self.0.0[..], &network.0[..]].concat());
        let mut short = [0; 8];
        short.copy_from_slice(&digest.0[..8]);
        DeviceDigest(short)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DeviceDigest([u8; 8]);

/// Too many have failed; another try is heard at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryAgainAt(pub Timestamp);

/// What is remembered of the tries of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempts {
    strangers: Lane,
    /// Where somebody has signed in from, the latest last.
    devices: Vec<Device>,
}

/// Tries that wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Lane {
    failed: u32,
    next_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Device {
    digest: DeviceDigest,
    seen_at: Timestamp,
    lane: Lane,
}

/// How many tries are heard at once; the next one after a second, then two, four, up to the longest wait: at most 98 in an
/// hour, 14 of them in the first minute or so. The same in every lane, or the wait would tell whose it is.
const FREE: u32 = 8;
const LONGEST: TimeDelta = TimeDelta::seconds(42);
/// How far the clocks of two servers may be apart.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(5);
/// After so long without a try a lane is as if nothing had been.
const FORGIVEN: TimeDelta = TimeDelta::hours(1);
/// For how long a network is known.
const KNOWN: TimeDelta = TimeDelta::days(90);
/// How many networks are known.
const MOST_DEVICES: usize = 5;

impl Attempts {
    /// The same with one more try, which is taken for failed until it is known.
    ///
    /// # Errors
    /// [`TryAgainAt`] if it comes too soon.
    pub fn with_try(&self, key: AttemptKey, network: Option<Network>, now: Timestamp) -> Result<Self, TryAgainAt> {
        let mut tried = self.clone();
        let own = network.and_then(|network| tried.known(key, network, now));
        if own.is_some_and(|own| tried.devices[own].lane.take(now).is_ok()) {
            return Ok(tried);
        }
        // Somebody may guess from the owner's own network, too.
        tried.strangers.take(now)?;
        Ok(tried)
    }

    /// The same once a try has succeeded: its lane is free again, and its network is known.
    #[must_use]
    pub fn with_success(&self, key: AttemptKey, network: Option<Network>, now: Timestamp) -> Self {
        let mut after = self.clone();
        after.devices.retain(|device| now - device.seen_at < KNOWN);
        let Some(network) = network else {
            return Self { strangers: Lane::default(), ..after };
        };
        let digest = key.device(network);
        if !after.devices.iter().any(|device| device.digest == digest) {
            after.strangers = Lane::default();
        }
        after.devices.retain(|device| device.digest != digest);
        after.devices.push(Device { digest, seen_at: now, lane: Lane::default() });
        let surplus = after.devices.len().saturating_sub(MOST_DEVICES);
        after.devices.drain(..surplus);
        after
    }

    /// Whether a network is one of those that the account was signed in to from.
    #[must_use]
    pub fn knows(&self, key: AttemptKey, network: Option<Network>, now: Timestamp) -> bool {
        network.is_some_and(|network| self.known(key, network, now).is_some())
    }

    /// When all of it may be forgotten.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let lanes = self.devices.iter().map(|device| device.lane).chain([self.strangers]);
        let forgiven = lanes.map(|lane| lane.next_at + FORGIVEN);
        let known = self.devices.iter().map(|device| device.seen_at + KNOWN);
        forgiven.chain(known).max().unwrap_or_default()
    }

    /// Which of the devices are in this network.
    fn known(&self, key: AttemptKey, network: Network, now: Timestamp) -> Option<usize> {
        let digest = key.device(network);
        self.devices.iter().position(|device| device.digest == digest && now - device.seen_at < KNOWN)
    }
}

impl Lane {
    /// A clock that was set back for long keeps nobody waiting; one that is a little behind another server's forgives
    /// nothing.
    fn take(&mut self, now: Timestamp) -> Result<(), TryAgainAt> {
        if now < self.next_at && self.next_at <= now + LONGEST + CLOCKS_APART {
            return Err(TryAgainAt(self.next_at.min(now + LONGEST)));
        }
        if now - self.next_at >= FORGIVEN {
            *self = Self::default();
        }
        self.failed = self.failed.saturating_add(1);
        self.next_at = now + wait(self.failed);
        Ok(())
    }
}

fn wait(failed: u32) -> TimeDelta {
    failed.checked_sub(FREE).map_or(TimeDelta::zero(), |more| TimeDelta::seconds(1 << more.min(16)).min(LONGEST))
}

/// The bytes are of no attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what attempts are stored as")]
pub struct InvalidAttempts;

/// Version, then the strangers' lane, then each device: its digest, when it was seen, its lane; numbers with the most
/// significant byte first, times in microseconds.
const VERSION: u8 = 1;
const LANE_BYTES: usize = 4 + 8;
const DEVICE_BYTES: usize = 8 + 8 + LANE_BYTES;

impl Attempts {
    /// As a store keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        self.strangers.write(&mut bytes);
        for device in &self.devices {
            bytes.extend(device.digest.0);
            bytes.extend(device.seen_at.timestamp_micros().to_be_bytes());
            device.lane.write(&mut bytes);
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] has written.
    ///
    /// # Errors
    /// [`InvalidAttempts`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidAttempts> {
        Self::read(bytes).ok_or(InvalidAttempts)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let ([VERSION], rest) = bytes.split_first_chunk()? else { return None };
        let (strangers, rest) = rest.split_first_chunk::<LANE_BYTES>()?;
        let devices = rest.chunks(DEVICE_BYTES).map(|device| Device::read(device.try_into().ok()?));
        Some(Self { strangers: Lane::read(strangers)?, devices: devices.collect::<Option<_>>()? })
    }
}

impl Lane {
    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.failed.to_be_bytes());
        bytes.extend(self.next_at.timestamp_micros().to_be_bytes());
    }

    fn read(bytes: &[u8; LANE_BYTES]) -> Option<Self> {
        let (failed, next_at) = bytes.split_first_chunk()?;
        Some(Self { failed: u32::from_be_bytes(*failed), next_at: time(*next_at.first_chunk()?)? })
    }
}

impl Device {
    fn read(bytes: &[u8; DEVICE_BYTES]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk()?;
        let (seen_at, lane) = rest.split_first_chunk()?;
        Some(Self { digest: DeviceDigest(*digest), seen_at: time(*seen_at)?, lane: Lane::read(lane.first_chunk()?)? })
    }
}

fn time(micros: [u8; 8]) -> Option<Timestamp> {
    Timestamp::from_timestamp_micros(i64::from_be_bytes(micros))
}
