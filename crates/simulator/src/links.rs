//! What people do with playback links.

use std::sync::Arc;

use tapebase_domain::{
    id::{RecordingId, UserId},
    list::ListError,
    playback::{Disposition, Lifetime, LinkError, PlaybackError, PlaybackLink},
    ports::PlaybackKeyStore,
    recording::Recording,
    session::Session,
};

use crate::{
    client::Client,
    invariant::Invariant,
    model::{Answer, Person, Request},
    shared::{Facts, KnownLink, KnownSession, Openness, PersonState, Shared},
};

/// So many rotations of keys end a link.
const ROTATIONS: u32 = 2;

/// Makes a link to a recording.
pub async fn make(client: Client, id: RecordingId) {
    let before = client.shared.facts().ends_of_links(client.person);
    let session = client.shared.facts().any_session(client.person, client.user);
    let Ok(Recording { received_at, .. }) = client.services.list.find(client.user, &id).await else { return };
    let Some(session) = session else { return };
    match client.services.playback.link(&session, &id, Lifetime::default(), Disposition::Inline).await {
        Ok(PlaybackLink { ticket, .. }) => {
            let mut facts = client.shared.facts();
            // One that ends all links and is under way may have ended this one, too.
            let is_certain = before.is_some() && facts.ends_of_links(client.person) == before;
            let state = if is_certain { Openness::Open } else { Openness::Perhaps };
            facts.links.push(KnownLink { person: client.person, id, received_at, ticket, state, rotations: 0 });
        }
        Err(LinkError::List(ListError::Unavailable(cause))) => client.excuse_failure(&cause),
        // It may have been deleted meanwhile, or its owner have signed out.
        Err(error) => client.excuse(&error),
    }
}

/// Plays a recording by a link of theirs: it must be there, and the link not have ended; and if neither, it must play.
pub async fn play(client: Client, link: KnownLink) {
    let before = client.services.list.find(client.user, &link.id).await;
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
        Err(PlaybackError::Expired) => drop(asked),
        Err(PlaybackError::InvalidLink) => {
            drop(asked);
            let after = client.services.list.find(client.user, &link.id).await;
            // Two that are received at the same moment have other audio, and between them there was none.
            let was_there = matches!((before, after), (Ok(before), Ok(after)) if before.blob == after.blob
                && after.received_at == link.received_at);
            let facts = client.shared.facts();
            let is_open = facts.links.iter().any(|it| it.ticket == link.ticket && it.state == Openness::Open);
            drop(facts);
            if was_there && is_open {
                client.shared.wrong(Invariant::Answers, format!("a link of {} does not play", link.person));
            }
        }
    }
}

/// Draws another key.
pub async fn rotate(shared: Shared, keys: Arc<dyn PlaybackKeyStore>) {
    let known = shared.facts().begin_rotation();
    match keys.rotate_playback_keys().await {
        Ok(()) => shared.facts().count_rotation(known),
        Err(error) => {
            shared.note(&format!("the keys are not rotated: {error}"));
            // They may yet be.
            shared.facts().is_rotation_lost = true;
        }
    }
}

impl Facts {
    /// How often something has begun that ends links of somebody; `None` while it is under way, or may yet be.
    fn ends_of_links(&self, person: Person) -> Option<(u32, u32)> {
        let PersonState { log_outs: (begun, over), is_log_out_lost, .. } = &self.people[person];
        let is_certain = begun == over && !is_log_out_lost && !self.is_rotation_lost;
        is_certain.then_some((*begun, self.rotations))
    }

    /// A session of somebody that is open as far as is known.
    fn any_session(&self, person: Person, user: UserId) -> Option<Session> {
        let open = |session: &&KnownSession| session.person == person && session.state == Openness::Open;
        let KnownSession { id, .. } = self.known.sessions.iter().find(open)?;
        let now = self.now();
        let client = String::new();
        Some(Session { id: *id, user, client, created_at: now, last_used_at: now, expires_at: now, ends_at: now })
    }

    /// Whatever comes of it, nobody knows any more whether links play that were there before; how many those are.
    fn begin_rotation(&mut self) -> usize {
        self.rotations += 1;
        self.links.iter_mut().for_each(|link| link.state = link.state.max(Openness::Perhaps));
        self.links.len()
    }

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
