//! What people do with playback links.

use std::sync::Arc;

use tapebase_domain::{
    id::RecordingId,
    list::ListError,
    playback::{Disposition, Lifetime, PlaybackError, PlaybackLink},
    ports::PlaybackKeyStore,
};

use crate::{
    client::Client,
    invariant::Invariant,
    model::{Answer, Person, Request},
    shared::{Facts, KnownLink, Openness, Shared},
};

/// So many rotations of keys end a link.
const ROTATIONS: u32 = 2;

/// Makes a link to a recording.
pub async fn make(client: Client, id: RecordingId) {
    match client.services.playback.link(client.user, &id, Lifetime::default(), Disposition::Inline).await {
        Ok(PlaybackLink { ticket, .. }) => {
            let link = KnownLink { person: client.person, id, ticket, state: Openness::Open, rotations: 0 };
            client.shared.facts().links.push(link);
        }
        Err(ListError::Unavailable(cause)) => client.excuse_failure(&cause),
        // It may have been deleted meanwhile, or never been there.
        Err(error) => client.excuse(&error),
    }
}

/// Plays a recording by a link of theirs: it must be there, and the link not have ended.
pub async fn play(client: Client, link: KnownLink) {
    let asked = client.ask(&link.id, Request::Find);
    match client.services.playback.open(&link.ticket).await {
        Ok((recording, _)) => {
            if link.state == Openness::Closed {
                client.shared.wrong(Invariant::Tokens, format!("a link of {} plays though it ended", link.person));
            }
            if let Some(found) = client.found(&recording) {
                asked.answer(&Answer::Found(found));
            }
        }
        Err(PlaybackError::Unavailable(cause)) => client.excuse_failure(&cause),
        // Whether the recording is there or another one under its id, nobody says.
        Err(PlaybackError::InvalidLink | PlaybackError::Expired) => drop(asked),
    }
}

/// Draws another key.
pub async fn rotate(shared: Shared, keys: Arc<dyn PlaybackKeyStore>) {
    let known = shared.facts().links.len();
    match keys.rotate_playback_keys().await {
        Ok(()) => shared.facts().count_rotation(known),
        Err(error) => shared.note(&format!("the keys are not rotated: {error}")),
    }
}

impl Facts {
    /// Another key signs than any of the first so many links.
    fn count_rotation(&mut self, known: usize) {
        for link in self.links.iter_mut().take(known) {
            link.rotations += 1;
            if link.rotations >= ROTATIONS {
                link.state = Openness::Closed;
            }
        }
    }

    /// Somebody has signed out everywhere, or is going to: what becomes of their first so many links.
    pub fn mark_links(&mut self, person: Person, known: usize, state: Openness) {
        for link in self.links.iter_mut().take(known).filter(|link| link.person == person) {
            link.state = state.max(link.state);
        }
    }
}
