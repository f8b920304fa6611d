//! What is looked at once nothing goes wrong any more.

use std::collections::BTreeSet;

use tapebase_domain::blob::BlobRef;

use crate::{app, client::Client, invariant::Invariant, sessions, shared::Shared, stores::Stores, world::LIMITS};

/// Everything somebody ever named is looked at and played, and every token presented.
pub async fn person(client: Client) {
    let ids = client.shared.facts().known.model.ids(client.person);
    for id in ids {
        app::play(client.clone(), id, None).await;
    }
    tokens(client).await;
}

/// Every token somebody ever had is presented.
pub async fn tokens(client: Client) {
    let tokens: Vec<String> = {
        let facts = client.shared.facts();
        let own = facts.known.sessions.iter().filter(|session| session.person == client.person);
        own.map(|session| session.token.clone()).collect()
    };
    for token in tokens {
        sessions::present(client.clone(), token).await;
    }
}

/// Rows and audio agree.
pub async fn stores(shared: &Shared, stores: &Stores) {
    let inner = stores.inner();
    let Ok(recordings) = stores.recordings().await else { return };
    match &inner.inventory {
        Some(inventory) => match inventory.miscounted().await.as_deref() {
            Ok([]) => {}
            other => shared.wrong(Invariant::Counters, format!("{other:?}")),
        },
        None => shared.note("counters cannot be compared"),
    }
    for owner in recordings.iter().map(|recording| recording.owner).collect::<BTreeSet<_>>() {
        let used = inner.records.counters(owner).await.map(|counters| counters.used_bytes()).unwrap_or_default();
        if used > LIMITS.quota_bytes {
            shared.wrong(Invariant::Counters, format!("{owner} uses {used} bytes of {}", LIMITS.quota_bytes));
        }
    }
    let kept: BTreeSet<&BlobRef> = recordings.iter().map(|recording| &recording.blob).collect();
    let now = shared.facts().now();
    for blob in stores.audio(now).await {
        // What was newer than rows that were put back is no leftover: its owner has never given it up.
        if !kept.contains(&blob) && !stores.ledger().is_recorded(&blob) {
            shared.wrong(Invariant::Leftovers, format!("{blob} is nobody's, and stays"));
        }
    }
}
