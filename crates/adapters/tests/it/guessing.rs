//! Somebody guesses a password, from everywhere and without a pause: how often it is hashed, and who still gets in.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_domain::{
    attempts::{AttemptKey, Attempts},
    auth::{Auth, AuthError, AuthPolicy, Device, EmailVerification, ErasurePolicy},
    ports::{AttemptStore, Clock, HasherError, PasswordHasher, Ports, StoreError},
    time::Timestamp,
    user::{Email, Password, PasswordHash},
};

/// Keeps passwords as they are, and counts how often one is compared.
#[derive(Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl PasswordHasher for Counting {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        Ok(PasswordHash::new(password.expose().to_owned()))
    }

    async fn verify(&self, password: Password, hash: PasswordHash) -> Result<bool, HasherError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok(hash.expose() == password.expose())
    }

    fn decoy(&self) -> PasswordHash {
        PasswordHash::new(String::new())
    }
}

/// Counts how often something is written.
struct Written {
    attempts: Arc<dyn AttemptStore>,
    count: AtomicUsize,
}

#[async_trait]
impl AttemptStore for Written {
    async fn attempts(&self, key: AttemptKey) -> Result<Option<Attempts>, StoreError> {
        self.attempts.attempts(key).await
    }

    async fn change_attempts(&self, key: AttemptKey, from: Option<Attempts>, to: Attempts) -> Result<bool, StoreError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.attempts.change_attempts(key, from, to).await
    }

    async fn forget_attempts(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.attempts.forget_attempts(now).await
    }
}

#[derive(Clone)]
struct TestClock(Arc<Mutex<Timestamp>>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }
}

struct World {
    auth: Auth,
    hasher: Arc<Counting>,
    written: Arc<Written>,
    clock: TestClock,
}

impl World {
    fn on(ports: Ports) -> Self {
        let noon = DateTime::from_timestamp(1_780_000_000, 0).expect("a time");
        let (hasher, clock) = (Arc::new(Counting::default()), TestClock(Arc::new(Mutex::new(noon))));
        let written = Arc::new(Written { attempts: ports.attempts.clone(), count: AtomicUsize::default() });
        let (passwords, attempts) = (hasher.clone(), written.clone());
        let ports = Ports { passwords, attempts, clock: Arc::new(clock.clone()), ..ports };
        let policy = AuthPolicy {
            open_signup: true,
            trust_social_ids: false,
            email_verification: EmailVerification::Off,
            idle: TimeDelta::days(30),
            absolute: TimeDelta::days(365),
            wrong_passwords_per_address: 0,
            sign_ups_per_address: 0,
            most_sessions: 100,
            erasure: ErasurePolicy::default(),
        };
        Self { auth: Auth::new(&ports, policy), hasher, written, clock }
    }

    async fn log_in(&self, name: &str, text: &str, address: &str) -> Result<(), AuthError> {
        let address: IpAddr = address.parse().expect("an address");
        let device = Device { address: Some(address), ..Device::default() };
        self.auth.log_in(email(name), password(text), None, &device).await.map(|_| ())
    }

    /// How often `name` is hashed for in so many seconds, by eight who try every second, from 500 addresses in turn.
    async fn hashes_in(&self, seconds: usize, name: &str) -> usize {
        let before = self.hasher.0.load(Ordering::Relaxed);
        for second in 0..seconds {
            let numbers = (0..8).map(|number| (second * 8 + number) % 500);
            let addresses = numbers.map(|number| format!("10.{}.{}.1", number / 250, number % 250));
            let tries = addresses.map(|address| async move { self.log_in(name, "guess number one", &address).await });
            assert!(join_all(tries).await.iter().all(Result::is_err));
            *self.clock.0.lock().expect("no panic") += TimeDelta::seconds(1);
        }
        self.hasher.0.load(Ordering::Relaxed) - before
    }
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).expect("an address")
}

fn password(text: &str) -> Password {
    Password::parse(text).expect("long enough")
}

const HOUR: usize = 3_600;

async fn guess(ports: Ports, seconds: usize) {
    let world = World::on(ports);
    let home = Device { address: Some([198, 51, 100, 7].into()), ..Device::default() };
    world.auth.sign_up(email("ann"), password("correct horse"), None, &home).await.expect("signed up");

    let (known, unknown) = (world.hashes_in(seconds, "ann").await, world.hashes_in(seconds, "nobody").await);

    let expected = if seconds == HOUR { 80..=100 } else { 8..=20 };
    assert!(expected.contains(&known) && expected.contains(&unknown), "{known} and {unknown} in {seconds} s");
    // Neither a guess nor the right password is heard from anywhere but where the owner has been.
    let tries: Vec<_> = join_all((0..20).map(|_| world.log_in("ann", "guess number two", "203.0.113.7"))).await;
    assert!(tries.iter().any(|refused| matches!(refused, Err(AuthError::TooManyAttempts { .. }))), "{tries:?}");
    let refused = world.log_in("ann", "correct horse", "203.0.113.8").await;
    assert!(matches!(refused, Err(AuthError::TooManyAttempts { .. })), "{refused:?}");
    let written = world.written.count.load(Ordering::Relaxed);
    for number in 0..100 {
        let refused = world.log_in("ann", "guess number three", &format!("203.0.{number}.9")).await;
        assert!(matches!(refused, Err(AuthError::TooManyAttempts { .. })), "{refused:?}");
    }
    assert_eq!(world.written.count.load(Ordering::Relaxed), written, "what is refused writes nothing");
    world.log_in("ann", "correct horse", "198.51.100.99").await.expect("the owner, at home");
}

#[tokio::test]
async fn guessing_costs_a_hundred_hashes_an_hour_and_the_owner_gets_in_in_memory() {
    let ports = Locations::parse("memory:", "memory:", S3Dialect::default());
    guess(ports.expect("known").connect().await.expect("opened"), HOUR).await;
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn guessing_costs_a_hundred_hashes_an_hour_and_the_owner_gets_in_in_sqlite() {
    let folder = tempfile::tempdir().expect("made");
    let at = |scheme: &str, name: &str| format!("{scheme}:{}", folder.path().join(name).display());
    let stores = Locations::parse(&at("sqlite", "rows.db"), &at("file", "blobs"), S3Dialect::default()).expect("known");
    guess(stores.connect().await.expect("opened"), HOUR).await;
}

/// For five minutes: each try asks the engine.
#[cfg(feature = "aws")]
#[tokio::test]
async fn guessing_costs_few_hashes_and_the_owner_gets_in_in_dynamodb() {
    let memory = Locations::parse("memory:", "memory:", S3Dialect::default());
    let (table, ()) = crate::dynamodb::fresh().await;
    let ports = memory.expect("known").connect().await.expect("opened");
    guess(Ports { users: table.clone(), attempts: table, ..ports }, 300).await;
}
