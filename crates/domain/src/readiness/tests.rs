use std::{
    future::pending,
    pin::pin,
    sync::{PoisonError, mpsc},
    task::{Context, Waker},
};

use async_trait::async_trait;

use super::*;
use crate::{
    ports::MockClock,
    testing::{TestPorts, timestamp},
};

const NOON: &str = "2026-11-23T12:00:00Z";

/// A clock to be set.
#[derive(Clone)]
struct Hands(Arc<std::sync::Mutex<Timestamp>>);

impl Hands {
    fn at(now: &str) -> Self {
        Self(Arc::new(std::sync::Mutex::new(timestamp(now))))
    }

    fn set(&self, now: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = timestamp(now);
    }

    fn clock(&self) -> Arc<dyn Clock> {
        let (mut clock, hands) = (MockClock::new(), self.0.clone());
        clock.expect_now().returning(move || *hands.lock().unwrap_or_else(PoisonError::into_inner));
        Arc::new(clock)
    }
}

/// Time that does not pass.
struct Never;

#[async_trait]
impl Timer for Never {
    async fn sleep(&self, _: Duration) {
        pending::<()>().await;
    }
}

fn readiness(ports: TestPorts, hands: &Hands) -> Readiness {
    Readiness::new(&Ports { clock: hands.clock(), timer: Arc::new(Never), ..ports.build() })
}

/// Stores whose rows are asked so many times.
fn asked(times: usize) -> TestPorts {
    let mut ports = TestPorts::default();
    ports.records.expect_ping().times(times).returning(|| Ok(()));
    ports.users.expect_ping().times(times).returning(|| Ok(()));
    ports
}

#[tokio::test]
async fn stores_that_answered_a_moment_ago_are_not_asked_again() {
    let hands = Hands::at(NOON);
    let readiness = readiness(asked(1), &hands);

    for now in [NOON, "2026-11-23T12:00:00.5Z", "2026-11-23T12:00:00.999Z"] {
        hands.set(now);
        assert!(readiness.clone().check().await.is_ok(), "{now}");
    }
}

#[tokio::test]
async fn a_second_later_they_are_asked_again() {
    let hands = Hands::at(NOON);
    let readiness = readiness(asked(3), &hands);

    // The last time, the clock was put back.
    for now in [NOON, "2026-11-23T12:00:01Z", NOON] {
        hands.set(now);
        assert!(readiness.check().await.is_ok(), "{now}");
    }
}

#[tokio::test]
async fn that_a_store_fails_is_not_remembered() {
    let mut ports = TestPorts::default();
    ports.records.expect_ping().times(1).returning(|| Err(StoreError::Unavailable("away".into())));
    ports.records.expect_ping().times(1).returning(|| Err(StoreError::Full("no room".into())));
    ports.records.expect_ping().times(1).returning(|| Ok(()));
    ports.users.expect_ping().times(1).returning(|| Ok(()));
    let readiness = readiness(ports, &Hands::at(NOON));

    assert!(matches!(readiness.check().await, Err(NotReady::Unavailable(_))));
    assert!(matches!(readiness.check().await, Err(NotReady::Full(_))));
    assert!(readiness.check().await.is_ok());
}

#[tokio::test]
async fn whoever_asks_while_somebody_looks_is_told_what_that_comes_to() {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel();
    let mut ports = TestPorts::default();
    ports.records.expect_ping().times(1).returning(move || {
        begun.send(()).unwrap();
        told.recv().unwrap();
        Err(StoreError::Unavailable("away".into()))
    });
    let readiness = readiness(ports, &Hands::at(NOON));
    let theirs = readiness.clone();
    let first = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(theirs.check())
    });
    has_begun.recv().unwrap();

    let mut others = [(); 3].map(|()| Box::pin(readiness.check()));
    for other in &mut others {
        assert!(pin!(other).poll(&mut Context::from_waker(Waker::noop())).is_pending(), "somebody looks");
    }
    go_on.send(()).unwrap();

    assert!(first.join().unwrap().is_err());
    for other in others {
        assert!(other.await.is_err());
    }
}
