//! What apps do with recordings.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use tapebase_domain::{
    blob::ByteRange,
    details::NewDetails,
    digest::Sha256,
    direct::{Begun, DirectError, NewUpload, PartLink},
    id::RecordingId,
    list::ListError,
    media_type::MediaType,
    memory::Purpose,
    page::{Cursor, Limit, Order, PageRequest},
    pending::PendingUpload,
    recording::{Edit, Recording, RecordingName, Revision},
    upload::{NewRecording, Stored, UploadError},
};

use crate::{
    client::{Arrival, Asked, Client, Sending},
    invariant::Invariant,
    model::{Answer, Found, Request, Take},
    shared::Attempt,
    stores::Stores,
};

/// Sends a recording.
pub async fn upload(client: Client, id: RecordingId, take: Take, sending: Sending) {
    let Sending { arrival, again, .. } = sending;
    // What is not what it is said to be is nobody's take: it can be compared with what is there, and not be stored.
    let asked = client.ask(&id, Request::Store { take: if sending.is_wrong() { Take::MAX } else { take }, again });
    let (size, sha256) = sending.declare(&client.audio(take));
    let details = NewDetails::of_type(MediaType::octet_stream());
    let new = NewRecording { id: Some(id), again, sha256, size, ..NewRecording::of(details) };
    let _memory = client.memory.take(client.user, Purpose::Receiving, client.audio(take).len() as u64).await;
    match client.services.upload.store(client.user, new, client.body(take, arrival)).await {
        Ok(Stored::Created(recording)) => asked.answer_stored(&Answer::Created(take), take, &recording),
        Ok(Stored::Existing(recording) | Stored::Repaired(recording)) => {
            asked.answer_stored(&Answer::Existing, take, &recording);
        }
        Err(error) => asked.answer_refusal(&error, Some(sending)),
    }
}

/// Looks at a recording.
pub async fn find(client: Client, id: RecordingId) -> Option<(Recording, Found)> {
    let asked = client.ask(&id, Request::Find);
    match client.services.list.find(client.user, &id).await {
        Ok(recording) => {
            let found = client.found(&recording)?;
            asked.answer(&Answer::Found(found));
            Some((recording, found))
        }
        Err(error) => {
            answer_list_error(asked, &error);
            None
        }
    }
}

/// Plays a recording, or a piece of it: this part of a hundred.
pub async fn play(client: Client, id: RecordingId, piece: Option<(u64, u64)>) {
    let Some((recording, found)) = find(client.clone(), id.clone()).await else { return };
    let whole = ByteRange::whole(recording.size);
    let range = piece.map_or(whole, |(from, to)| {
        let start = recording.size * from / 100;
        ByteRange { start, length: (recording.size * to / 100).max(start + 1).min(recording.size) - start }
    });
    // Once it is deleted nobody can tell any more.
    let _memory = client.memory.take(client.user, Purpose::Sending, range.length).await;
    let was_bad = client.stores.ledger().is_bad(&recording.blob);
    match client.services.list.play(&recording, range).await {
        Ok(bytes) => {
            let expected = client.audio(found.take);
            let (start, end) = (usize::try_from(range.start), usize::try_from(range.end()));
            let expected =
                start.ok().zip(end.ok()).and_then(|(start, end)| expected.get(start..end)).unwrap_or_default();
            let played = bytes.try_collect::<bytes::BytesMut>().await.map(bytes::BytesMut::freeze);
            client.compare(&recording, expected, played, range == whole);
        }
        // It was deleted meanwhile, or another is there by now.
        Err(ListError::NotFound) => client.excuse(&"it went"),
        // Its row came back without its audio, or a bit of that has fallen over.
        Err(_) if was_bad || client.stores.ledger().is_bad(&recording.blob) => {}
        Err(error) => client.excuse_failure(&error),
    }
}

/// Reads the whole list.
pub async fn list(client: Client, request: PageRequest) {
    let ids = client.shared.facts().known.model.ids(client.person);
    let asked: BTreeMap<_, _> = ids.into_iter().map(|id| (id.clone(), client.ask(&id, Request::Find))).collect();
    let Some(mut listed) = walk(&client, request).await else { return };
    for (id, asked) in asked {
        match listed.remove(&id) {
            Some(found) => asked.answer(&Answer::Found(found)),
            None => asked.answer(&Answer::NotFound),
        }
    }
}

async fn walk(client: &Client, mut request: PageRequest) -> Option<BTreeMap<RecordingId, Found>> {
    let mut listed = BTreeMap::new();
    loop {
        let PageRequest { by, order, limit, .. } = request;
        let is_ordered = |a: &Recording, b: &Recording| match order {
            Order::Newest => by.of(a) >= by.of(b),
            Order::Oldest => by.of(a) <= by.of(b),
        };
        match client.services.list.page(client.user, request.clone()).await {
            Ok(page) => {
                if page.items.len() > limit.get() || !page.items.is_sorted_by(is_ordered) {
                    client.shared.wrong(Invariant::Answers, "a page is too long, or in another order".into());
                }
                for recording in page.items {
                    // One that was deleted and sent again may be listed twice.
                    listed.insert(recording.id.clone(), client.found(&recording)?);
                }
                let Some(next) = page.next else { return Some(listed) };
                request.after = Cursor::parse(&next.encode()).ok().map(|cursor| cursor.position);
            }
            Err(error) => {
                client.excuse_failure(&error);
                return None;
            }
        }
    }
}

/// Renames a recording.
pub async fn rename(client: Client, id: RecordingId, name: u32, expected: Option<u64>) {
    let asked = client.ask(&id, Request::Rename(name, expected));
    let edit = Edit { name: RecordingName::parse(format!("name {name}")).ok() };
    match client.services.list.edit(client.user, &id, edit, expected.map(Revision)).await {
        Ok(recording) => {
            if let Some(found) = client.found(&recording) {
                asked.answer(&Answer::Found(found));
            }
        }
        Err(error) => answer_list_error(asked, &error),
    }
}

/// Deletes a recording.
pub async fn delete(client: Client, id: RecordingId, expected: Option<u64>) {
    let asked = client.ask(&id, Request::Delete(client.now(), expected));
    match client.services.list.delete(client.user, &id, expected.map(Revision)).await {
        Ok(()) => asked.answer(&Answer::Done),
        Err(error) => answer_list_error(asked, &error),
    }
}

fn answer_list_error(asked: Asked, error: &ListError) {
    match error {
        ListError::NotFound => asked.answer(&Answer::NotFound),
        // Nobody has asked for audio, which alone is damaged: that is no answer.
        ListError::Changed | ListError::Damaged(_) => asked.answer(&Answer::Conflict),
        ListError::Full(_) => asked.answer(&Answer::Refused),
        ListError::Unavailable(cause) => asked.client().excuse_failure(cause),
    }
}

/// Announces a recording.
pub async fn announce(client: Client, id: RecordingId, take: Take, again: bool) {
    let asked = client.ask(&id, Request::Announce { take, again });
    let audio = client.audio(take);
    client.shared.facts().people[client.person].attempts.push(Attempt { id: id.clone(), take, again });
    let new = NewUpload {
        id: Some(id),
        details: NewDetails::of_type(MediaType::octet_stream()),
        again,
        size: audio.len() as u64,
        sha256: Sha256::of(&audio),
    };
    match client.services.direct.create(client.user, new).await {
        Ok(Begun::Created(upload) | Begun::Resumed(upload)) => {
            // What is there is damaged: it is to be sent again.
            if client.stores.ledger().has_bad(client.user, &upload.id) {
                drop(asked);
            } else {
                asked.answer(&Answer::Begun);
            }
            if !upload.is_of(audio.len() as u64, Sha256::of(&audio)) {
                client.shared.wrong(Invariant::Answers, format!("another upload of {} is resumed", upload.id));
            }
            client.shared.facts().people[client.person].announced.push((upload, take));
        }
        Ok(Begun::Stored(recording)) => asked.answer_stored(&Answer::Existing, take, &recording),
        Err(DirectError::Upload(UploadError::Deleted(_))) => asked.answer(&Answer::WasDeleted),
        Err(DirectError::Upload(UploadError::Unavailable(cause))) => client.excuse_failure(&cause),
        // Another may be announced under this id.
        Err(error) => client.excuse(&error),
    }
}

/// Sends what was announced; or something else, or with a link of their own making.
pub async fn send_part(client: Client, upload: PendingUpload, take: Take, arrival: Arrival, is_forged: bool) {
    let Ok((links, _)) = client.services.direct.links(&upload).await else { return };
    for link in links {
        match link {
            PartLink::Server(ticket, signature) => {
                let body = client.body(take, arrival);
                let signature = if is_forged { signature.chars().rev().collect() } else { signature };
                match client.services.direct.put_part(&ticket, &signature, None, body).await {
                    Ok(()) if is_forged => {
                        client.shared.wrong(Invariant::Answers, "a part is taken by a forged link".into());
                    }
                    Ok(()) => {}
                    Err(error) => client.excuse(&error),
                }
            }
            PartLink::Store(request) => {
                let audio = client.audio(take);
                let half = if arrival == Arrival::Whole { audio.len() } else { audio.len() / 2 };
                // What is not what was announced is refused by the store itself.
                if let Err(error) = Stores::send(&request, &audio[..half]) {
                    client.shared.note(&format!("a part of {} is not taken: {error}", upload.id));
                }
            }
        }
    }
}

/// Says that all parts are sent: of whatever was announced under this id.
pub async fn complete(client: Client, id: RecordingId) {
    let attempts: BTreeSet<(Take, bool)> = {
        let facts = client.shared.facts();
        let own = facts.people[client.person].attempts.iter().filter(|attempt| attempt.id == id);
        own.map(|attempt| (attempt.take, attempt.again)).collect()
    };
    let asked = client.ask(&id, Request::Complete(attempts.into_iter().collect()));
    match client.services.direct.complete(client.user, &id).await {
        Ok(Stored::Created(recording)) => {
            if let Some(Found { take, .. }) = client.found(&recording) {
                asked.answer_stored(&Answer::Created(take), take, &recording);
            }
        }
        // Whatever is there now: another upload may have ended under this id.
        Ok(Stored::Existing(recording)) => {
            if let Some(found) = client.found(&recording) {
                asked.answer(&Answer::Found(found));
            }
        }
        Ok(Stored::Repaired(recording)) => {
            if let Some(Found { take, .. }) = client.found(&recording) {
                asked.answer_stored(&Answer::Existing, take, &recording);
            }
        }
        // What is there is damaged: it is to be announced and sent again.
        Err(DirectError::NotFound) if client.stores.ledger().has_bad(client.user, &id) => drop(asked),
        Err(DirectError::NotFound) => asked.answer(&Answer::NotFound),
        Err(DirectError::Upload(error)) => asked.answer_refusal(&error, None),
        Err(error @ (DirectError::MissingPart { .. } | DirectError::InvalidLink)) => client.excuse(&error),
    }
}

/// Takes an announcement back.
pub async fn abort(client: Client, id: RecordingId) {
    match client.services.direct.abort(client.user, &id).await {
        Ok(()) => client.shared.note(&format!("the upload of {id} is aborted")),
        Err(error) => client.excuse(&error),
    }
}

/// What somebody has, by the list.
pub async fn everything(client: &Client) -> BTreeMap<RecordingId, Found> {
    walk(client, PageRequest { limit: Limit::MAX, ..PageRequest::default() }).await.unwrap_or_default()
}
