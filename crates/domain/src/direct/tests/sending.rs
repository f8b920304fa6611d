use bytes::Bytes;
use futures_util::TryStreamExt as _;
use mockall::predicate::{always, eq};

use super::*;
use crate::{
    pending::Parts,
    ports::MockPresignParts,
    testing::{body, timestamp, unread_body},
};

/// The first part of `plan()`, for a minute.
fn ticket() -> PartTicket {
    PartTicket { owner: owner(), id: plan().id, number: 1, expires_at: timestamp("2026-11-23T12:01:00Z") }
}

async fn send(
    ports: TestPorts,
    ticket: &PartTicket,
    announced: Option<u64>,
    body: ByteStream<BodyError>,
) -> Result<(), DirectError> {
    direct(&ports.build()).put_part(ticket, &ticket.sign(&plan().key), announced, body).await
}

/// A part store that reads the body as a real one does.
fn keep_parts(ports: &mut TestPorts) {
    ports.parts.expect_put_part().withf(|staged, _, _| *staged == plan().staged).returning(|_, _, body| {
        let read: Result<Vec<Bytes>, BodyError> =
            futures_util::FutureExt::now_or_never(body.try_collect()).expect("the body is ready");
        assert_eq!(read?.concat(), AUDIO);
        Ok(())
    });
}

#[tokio::test]
async fn links_to_this_server_are_tickets_it_takes() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    keep_parts(&mut ports);
    let direct = direct(&ports.build());

    let (links, _) = direct.links(&plan()).await.expect("links");

    let [PartLink::Server(ticket, signature)] = &links[..] else { panic!("{links:?}") };
    let sent = direct.put_part(ticket, signature, Some(plan().size), body(vec![Ok(AUDIO)])).await;
    assert!(sent.is_ok(), "{sent:?}");
}

#[tokio::test]
async fn there_is_a_link_for_every_part_in_their_order() {
    let plan = PendingUpload { size: Parts::SINGLE_BYTES + 1, ..plan() };

    let (links, _) = direct(&ports().build()).links(&plan).await.expect("links");

    let number = |link| match link {
        PartLink::Server(ticket, signature) => (ticket.number, ticket.is_signed(&signature, &plan.key)),
        PartLink::Store(request) => panic!("{request:?}"),
    };
    assert_eq!(links.into_iter().map(number).collect::<Vec<_>>(), [(1, true), (2, true), (3, true)]);
}

#[tokio::test]
async fn a_link_is_good_for_an_hour_and_for_no_longer_than_its_plan() {
    for (plan_expires, link_expires) in [
        ("2026-11-24T00:00:00.25Z", "2026-11-23T13:00:00Z"),
        ("2026-11-23T13:00:00.25Z", "2026-11-23T13:00:00Z"),
        ("2026-11-23T12:30:00.999999Z", "2026-11-23T12:30:00Z"),
    ] {
        let plan = PendingUpload { expires_at: timestamp(plan_expires), ..plan() };

        let (links, expires_at) = direct(&ports().build()).links(&plan).await.expect("links");

        let [PartLink::Server(ticket, _)] = &links[..] else { panic!("{links:?}") };
        assert_eq!((expires_at, ticket.expires_at), (timestamp(link_expires), expires_at), "{plan_expires}");
    }
}

#[tokio::test]
async fn links_to_the_store_come_from_the_store() {
    let plan =
        PendingUpload { size: Parts::SINGLE_BYTES + 1, expires_at: ports().now() + TimeDelta::minutes(2), ..plan() };
    // To the second, and never past the plan.
    let lifetime = Duration::from_millis(119_750);
    let request = |number| PresignedRequest { url: format!("https://store/{number}"), headers: Vec::new() };
    let mut store = MockPresignParts::new();
    store
        .expect_presign_part()
        .with(
            eq(plan.staged.clone()),
            eq(plan.parts()),
            always(),
            eq(Provenance::from(&plan)),
            eq(plan.sha256),
            eq(lifetime),
        )
        .returning(move |_, _, number, _, _, _| Ok(request(number)));
    let mut ports = ports().build();
    ports.staging.parts = PartAccess::Presigned(Arc::new(store));

    let (links, expires_at) = direct(&ports).links(&plan).await.expect("links");

    assert_eq!(links, [1, 2, 3].map(|number| PartLink::Store(request(number))));
    assert_eq!(expires_at, timestamp("2026-11-23T12:02:00Z"));
}

#[tokio::test]
async fn a_store_that_gives_no_link_is_unavailable() {
    let mut store = MockPresignParts::new();
    store.expect_presign_part().returning(|_, _, _, _, _, _| Err(BlobError::Unavailable("no credentials".into())));
    let mut ports = ports().build();
    ports.staging.parts = PartAccess::Presigned(Arc::new(store));

    let links = direct(&ports).links(&plan()).await;

    assert!(matches!(links, Err(DirectError::Upload(UploadError::Unavailable(_)))), "{links:?}");
}

#[tokio::test]
async fn a_part_is_kept_under_its_number_in_its_place() {
    let several = PendingUpload { size: Parts::SINGLE_BYTES + AUDIO.len() as u64, ..plan() };
    let mut ports = ports();
    find_plan(&mut ports, &several);
    ports
        .parts
        .expect_put_part()
        .withf(|staged, number, _| (staged, *number) == (&plan().staged, 3))
        .times(1)
        .returning(|_, _, _| Ok(()));

    let sent = send(ports, &PartTicket { number: 3, ..ticket() }, None, body(vec![Ok(AUDIO)])).await;

    assert!(sent.is_ok(), "{sent:?}");
}

#[tokio::test]
async fn a_ticket_that_is_not_of_this_plan_is_refused_before_the_body_is_read() {
    let signed = ticket().sign(&plan().key);
    let right = ticket();
    let not_signed = [
        (right.clone(), String::new()),
        (right.clone(), ticket().sign(&LinkKey([8; 32]))),
        (PartTicket { number: 2, ..right.clone() }, signed.clone()),
        (PartTicket { expires_at: right.expires_at + TimeDelta::seconds(1), ..right.clone() }, signed),
    ];
    let and_signed = [
        PartTicket { expires_at: timestamp("2026-11-23T12:00:00Z"), ..right.clone() },
        PartTicket { number: 0, ..right.clone() },
        PartTicket { number: 2, ..right },
    ];
    let and_signed = and_signed.map(|ticket| (ticket.clone(), ticket.sign(&plan().key)));
    for (ticket, signature) in not_signed.into_iter().chain(and_signed) {
        let mut ports = ports();
        find_plan(&mut ports, &plan());

        let sent = direct(&ports.build()).put_part(&ticket, &signature, None, unread_body()).await;

        assert!(matches!(sent, Err(DirectError::InvalidLink)), "{ticket:?}: {sent:?}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_until_the_moment_it_expires() {
    for (expires_at, is_good) in [("2026-11-23T12:00:00.250001Z", true), ("2026-11-23T12:00:00.25Z", false)] {
        let mut ports = ports();
        find_plan(&mut ports, &plan());
        keep_parts(&mut ports);
        let ticket = PartTicket { expires_at: timestamp(expires_at), ..ticket() };

        let sent = send(ports, &ticket, None, body(vec![Ok(AUDIO)])).await;

        assert_eq!(sent.is_ok(), is_good, "{sent:?}");
    }
}

#[tokio::test]
async fn a_ticket_outlives_no_plan() {
    let mut ports = ports();
    ports.uploads.expect_upload().with(eq(owner()), eq(plan().id)).returning(|_, _| Ok(None));

    let sent = send(ports, &ticket(), None, unread_body()).await;

    assert!(matches!(sent, Err(DirectError::InvalidLink)), "{sent:?}");
}

#[tokio::test]
async fn no_part_comes_here_when_they_are_sent_to_the_store() {
    let mut ports = ports().build();
    ports.staging.parts = PartAccess::Presigned(Arc::new(MockPresignParts::new()));

    let ticket = ticket();
    let sent = direct(&ports).put_part(&ticket, &ticket.sign(&plan().key), None, unread_body()).await;

    assert!(matches!(sent, Err(DirectError::InvalidLink)), "{sent:?}");
}

#[tokio::test]
async fn a_part_announced_too_long_is_refused_before_the_body_is_read() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());

    let sent = send(ports, &ticket(), Some(plan().size + 1), unread_body()).await;

    let Err(DirectError::Upload(UploadError::Body(refused))) = sent else { panic!("{sent:?}") };
    assert_eq!(refused, BodyError::TooLarge { limit: plan().size });
}

#[tokio::test]
async fn a_part_of_another_length_is_refused() {
    let cases = [
        (vec![Ok(AUDIO), Ok(b"!")], BodyError::TooLarge { limit: plan().size }),
        (vec![Ok(&AUDIO[1..])], BodyError::Incomplete),
        (Vec::new(), BodyError::Incomplete),
        (vec![Ok(AUDIO), Err(BodyError::Stalled)], BodyError::Stalled),
    ];
    for (pieces, expected) in cases {
        let mut ports = ports();
        find_plan(&mut ports, &plan());
        keep_parts(&mut ports);

        let sent = send(ports, &ticket(), None, body(pieces)).await;

        let Err(DirectError::Upload(UploadError::Body(refused))) = sent else { panic!("{sent:?}") };
        assert_eq!(refused, expected);
    }
}

#[tokio::test]
async fn an_empty_recording_is_one_empty_part() {
    let empty = PendingUpload { size: 0, ..plan() };
    let mut ports = ports();
    find_plan(&mut ports, &empty);
    ports.parts.expect_put_part().times(1).returning(|_, _, _| Ok(()));

    let sent = send(ports, &ticket(), Some(0), body(Vec::new())).await;

    assert!(sent.is_ok(), "{sent:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_from_a_broken_one() {
    let mut ports = ports();
    find_plan(&mut ports, &plan());
    ports.parts.expect_put_part().returning(|_, _, _| Err(BlobError::Full("no space left on device".into())));

    let sent = send(ports, &ticket(), None, body(vec![Ok(AUDIO)])).await;

    assert!(matches!(sent, Err(DirectError::Upload(UploadError::Full(_)))), "{sent:?}");
}
