use super::*;
use crate::{
    history::HistoryId,
    id::{SessionId, UserId},
    testing::{TestPorts, recording, timestamp},
};

const NOW: &str = "2026-11-23T09:30:00Z";
const EPOCH: LinkEpoch = LinkEpoch(7);

fn keys() -> PlaybackKeys {
    let [current, previous] = [1, 2].map(|byte| PlaybackKey([byte; PlaybackKey::BYTES]));
    PlaybackKeys { history: HistoryId::from_bytes([3; 8]), current, previous: Some(previous) }
}

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

/// A world with one recording.
fn with(found: &Recording, epoch: LinkEpoch, keys: PlaybackKeys, now: &str) -> Playback {
    let mut ports = TestPorts::at(now);
    let stored = found.clone();
    ports.records.expect_find_to_play().returning(move |owner, id| {
        let is_it = owner == stored.owner && *id == stored.id;
        Ok(is_it.then(|| (stored.clone(), epoch)))
    });
    ports.records.expect_link_epoch().returning(move |_| Ok(epoch));
    ports
        .users
        .expect_session_of()
        .returning(|user, id| Ok((id == session().id).then(|| Session { user, ..session() })));
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    Playback::new(&ports.build())
}

/// The session of the owner of everything here.
fn session() -> Session {
    let now = timestamp(NOW);
    let id = SessionId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARG").expect("a ULID");
    let (user, client) = (owner(), String::new());
    Session { id, user, client, created_at: now, last_used_at: now, expires_at: now, ends_at: now }
}

async fn link(playback: &Playback, recording: &Recording, disposition: Disposition) -> PlaybackLink {
    playback.link(&session(), &recording.id, Lifetime::default(), disposition).await.expect("a link")
}

#[tokio::test]
async fn a_link_plays_its_recording_for_a_day() {
    let stored = recording(owner(), b"audio");
    let playback = with(&stored, EPOCH, keys(), NOW);
    let day = link(&playback, &stored, Disposition::Inline).await;
    assert_eq!(day.expires_at, timestamp("2026-11-24T10:00:00Z"));

    for (now, plays) in [(NOW, true), ("2026-11-24T09:59:59Z", true), ("2026-11-24T10:00:00Z", false)] {
        let opened = with(&stored, EPOCH, keys(), now).open(&day.ticket).await;
        match opened {
            Ok((found, Disposition::Inline)) => assert!(plays && found == stored, "{now}"),
            Err(PlaybackError::Expired) => assert!(!plays, "{now}"),
            other => panic!("{now}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_asks_again_is_given_the_same_link_for_a_while() {
    let stored = recording(owner(), b"audio");
    let at = async |now| link(&with(&stored, EPOCH, keys(), now), &stored, Disposition::Inline).await;

    let first = at("2026-11-23T09:00:00Z").await;
    assert_eq!(at("2026-11-23T09:59:59Z").await, first);
    assert_ne!(at("2026-11-23T10:00:00Z").await, first);
}

#[tokio::test]
async fn a_link_ends_with_what_it_is_of() {
    let stored = recording(owner(), b"audio");
    let link = link(&with(&stored, EPOCH, keys(), NOW), &stored, Disposition::Inline).await;
    let renamed = Recording {
        revision: crate::recording::Revision(9),
        blob: crate::blob::BlobRef::new("new".into()),
        ..stored.clone()
    };
    let later = Recording { received_at: stored.received_at + TimeDelta::microseconds(1), ..stored.clone() };
    let another = recording(owner(), b"other");
    let rotated = PlaybackKeys { current: PlaybackKey([9; 32]), previous: Some(keys().current), ..keys() };
    let rotated_twice = PlaybackKeys { previous: Some(PlaybackKey([8; 32])), ..rotated };
    let copied = PlaybackKeys { history: HistoryId::from_bytes([4; 8]), ..keys() };

    let worlds = [
        ("renamed", with(&renamed, EPOCH, keys(), NOW), true),
        ("deleted", with(&another, EPOCH, keys(), NOW), false),
        ("deleted and sent again", with(&later, EPOCH, keys(), NOW), false),
        ("signed out everywhere", with(&stored, LinkEpoch(8), keys(), NOW), false),
        ("keys rotated", with(&stored, EPOCH, rotated, NOW), true),
        ("keys rotated twice", with(&stored, EPOCH, rotated_twice, NOW), false),
        ("a copy of the rows", with(&stored, EPOCH, copied, NOW), false),
    ];
    for (what, playback, plays) in worlds {
        match playback.open(&link.ticket).await {
            Ok(_) => assert!(plays, "{what}"),
            Err(PlaybackError::InvalidLink) => assert!(!plays, "{what}"),
            Err(other) => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn no_other_text_is_a_link() {
    let stored = recording(owner(), b"audio");
    let playback = with(&stored, EPOCH, keys(), NOW);
    let PlaybackLink { ticket, .. } = link(&playback, &stored, Disposition::Inline).await;

    let mut forged: Vec<String> = (0..ticket.len())
        .map(|place| {
            let other = if ticket.as_bytes()[place] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &ticket[..place], &ticket[place + 1..])
        })
        .collect();
    forged.extend(["", "A", "..", "회의록"].map(String::from));
    forged.extend([
        format!("{ticket}A"),
        format!("{ticket}="),
        ticket[1..].to_owned(),
        ticket[..ticket.len() - 2].to_owned(),
    ]);
    for text in forged {
        let opened = playback.open(&text).await;
        assert!(matches!(opened, Err(PlaybackError::InvalidLink)), "{text}: {opened:?}");
    }
    playback.open(&ticket).await.expect("it is one");
}

#[tokio::test]
async fn a_page_of_recordings_has_a_link_each() {
    let stored = recording(owner(), b"audio");
    let playback = with(&stored, EPOCH, keys(), NOW);

    let links = playback.links(&session(), &[stored.clone(), recording(owner(), b"other")]).await.expect("links");

    assert_eq!(links[0], link(&playback, &stored, Disposition::Inline).await);
    assert_ne!(links[1], links[0]);
    let nobody = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARF").expect("a ULID");
    let nobody = Session { user: nobody, ..session() };
    let refused = playback.link(&nobody, &stored.id, Lifetime::default(), Disposition::Inline).await;
    assert!(matches!(refused, Err(LinkError::List(ListError::NotFound))));
}

#[tokio::test]
async fn whoever_has_signed_out_meanwhile_is_given_no_link() {
    let stored = recording(owner(), b"audio");
    let playback = with(&stored, EPOCH, keys(), NOW);
    let ended = Session { id: SessionId::generate(timestamp(NOW)), ..session() };

    let one = playback.link(&ended, &stored.id, Lifetime::default(), Disposition::Inline).await;
    let page = playback.links(&ended, std::slice::from_ref(&stored)).await;

    assert!(matches!(one, Err(LinkError::SignedOut)), "{one:?}");
    assert!(matches!(page, Err(LinkError::SignedOut)), "{page:?}");
}

#[test]
fn a_ticket_is_what_it_was() {
    let now = timestamp(NOW);
    let ids = [RecordingId::generate(now), RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID")];
    for (id, disposition) in ids.into_iter().zip([Disposition::Attachment, Disposition::Inline]) {
        let ticket = Ticket { owner: owner(), id, received_at: now, epoch: EPOCH, expires_at: now, disposition };
        let text = ticket.sign(&keys());
        assert_eq!((Ticket::open(&text, &keys()), text.len()), (Ok(ticket), 99));
    }
    assert_eq!(format!("{:?}", keys().current), "[redacted]");
}

#[test]
fn links_count_for_a_minute_to_a_week() {
    for seconds in [59, 0, -1, 604_801, i64::MAX] {
        assert_eq!(Lifetime::of_seconds(seconds), Err(InvalidLifetime), "{seconds}");
    }
    for seconds in [60, 61, 3_600, 86_400, 604_800] {
        let lifetime = Lifetime::of_seconds(seconds).expect("a lifetime");
        for late in [0, 1, 59, 3_599, 12_345] {
            let now = timestamp(NOW) + TimeDelta::seconds(late);
            let counts = (lifetime.end(now) - now).num_seconds();
            assert!((seconds..=seconds + seconds / 24).contains(&counts), "{counts} for {seconds}");
        }
    }
}
