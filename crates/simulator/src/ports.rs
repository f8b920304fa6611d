//! Every port of a server, as it meets the stores: through a gate where calls fail.

mod attempts;
mod audio;
mod erasure;
mod identity_providers;
mod mailer;
mod passwords;
mod playback_keys;
mod rows;
mod single_use;
mod tokens;
mod users;

use std::sync::Arc;

use tapebase_domain::{
    memory::Budget,
    ports::{PartAccess, Ports, Staging},
};

use crate::{faults::Gate, stores::Stores, time::ServerClock};

pub use self::{
    identity_providers::{NAME as PROVIDER, PlainProvider},
    passwords::PlainPasswords,
};

/// What a server has for bodies: somebody's share is one of the largest recordings.
pub const MEMORY: u64 = 64 << 10;

/// The stores as one server reaches them.
#[derive(Clone)]
struct Reached {
    stores: Stores,
    gate: Gate,
}

/// The ports of one server.
#[must_use]
pub fn ports(stores: &Stores, gate: &Gate, clock: &ServerClock) -> Ports {
    let reached = Arc::new(Reached { stores: stores.clone(), gate: gate.clone() });
    let parts = match stores.inner().staging.parts {
        PartAccess::Server(_) => PartAccess::Server(reached.clone()),
        PartAccess::Presigned(_) => PartAccess::Presigned(reached.clone()),
    };
    Ports {
        records: reached.clone(),
        feed: reached.clone(),
        deleted: reached.clone(),
        inventory: reached.clone(),
        uploads: reached.clone(),
        blobs: reached.clone(),
        batches: reached.clone(),
        salvage: None,
        staging: Staging { blobs: reached.clone(), parts },
        downloads: None,
        users: reached.clone(),
        tokens: reached.clone(),
        erasure: reached.clone(),
        attempts: reached.clone(),
        single_use: reached.clone(),
        identity_providers: Arc::new(PlainProvider),
        mailer: Some(reached.clone()),
        playback_keys: reached,
        clock: Arc::new(clock.clone()),
        timer: Arc::new(clock.clone()),
        passwords: Arc::new(PlainPasswords),
        memory: Budget::new(MEMORY),
    }
}
