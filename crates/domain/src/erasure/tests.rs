use mockall::predicate::eq;

use super::*;
use crate::{
    testing::{TestPorts, recording, timestamp},
    user::{Email, PasswordHash, User},
};

const NOW: &str = "2026-11-23T12:00:00Z";
const SETTLING: TimeDelta = TimeDelta::hours(24);

/// Somebody who has left, so long ago.
fn left(ago: TimeDelta) -> Account {
    let now = timestamp(NOW);
    let email = Email::parse("ann@example.com").expect("an address");
    let mut user = User::new(UserId::generate(now), Identity::Email(email), now - TimeDelta::days(9));
    user.erase_at = Some(now - ago);
    Account { user, password: Some(PasswordHash::new("hers".into())) }
}

/// These are due, in this order.
fn due(ports: &mut TestPorts, accounts: &[Account]) {
    let users: Vec<_> = accounts.iter().map(|account| account.user.id).collect();
    ports.erasure.expect_to_erase().returning(move |_| Ok(users.clone()));
    for account in accounts.iter().cloned() {
        ports.users.expect_account().with(eq(account.user.id)).returning(move |_| Ok(Some(account.clone())));
    }
}

/// They have this one recording, whose audio is removed.
fn has(ports: &mut TestPorts, recording: Recording) {
    ports.uploads.expect_uploads().returning(|_, _, _| Ok(Vec::new()));
    let (first, removed) = (recording.clone(), recording.clone());
    ports
        .records
        .expect_list()
        .returning(move |_, page| Ok(if page.after.is_none() { vec![first.clone()] } else { Vec::new() }));
    ports
        .records
        .expect_remove()
        .withf(move |owner, id, expected, _, _| (*owner, id, *expected) == (recording.owner, &recording.id, None))
        .times(1)
        .returning(move |_, _, _, _, _| Ok(Some(removed.clone())));
    ports.blobs.expect_delete().times(1).returning(|_| Ok(()));
    ports.deleted.expect_audio_removed().times(1).returning(|_, _| Ok(()));
}

/// Their names are taken, and their sessions end.
fn nameless_and_signed_out(ports: &mut TestPorts) {
    ports.erasure.expect_forget_tries().times(2).returning(|_| Ok(()));
    let is_nameless = |account: &Account| account.user.identities.is_empty() && account.password.is_none();
    ports.users.expect_update().withf(move |_, to| is_nameless(to)).times(1).returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().times(1).returning(|_| Ok(()));
}

#[tokio::test]
async fn all_of_a_user_goes_and_the_account_once_no_upload_can_come_any_more() {
    for (ago, is_last) in [(TimeDelta::hours(23), false), (SETTLING, true)] {
        let mut ports = TestPorts::at(NOW);
        let account = left(ago);
        let user = account.user.id;
        due(&mut ports, &[account]);
        nameless_and_signed_out(&mut ports);
        has(&mut ports, recording(user, b"audio"));
        ports.erasure.expect_forget_rest().with(eq(user)).times(1).returning(|_| Ok(true));
        ports.erasure.expect_forget_account().with(eq(user)).times(usize::from(is_last)).returning(|_| Ok(()));
        let put_off = ports.erasure.expect_put_off().withf(|_, until| *until == timestamp(NOW) + Erasure::RETRY);
        put_off.times(usize::from(!is_last)).returning(|_, _| Ok(()));

        let erased = Erasure::new(&ports.build(), SETTLING).run().await;

        assert_eq!(erased.expect("done"), Erased { gone: u64::from(is_last), late: 0 });
    }
}

#[tokio::test]
async fn an_account_stays_as_long_as_anything_else_does() {
    let mut ports = TestPorts::at(NOW);
    let account = left(SETTLING * 2);
    let user = account.user.id;
    due(&mut ports, &[account]);
    nameless_and_signed_out(&mut ports);
    has(&mut ports, recording(user, b"audio"));
    ports.erasure.expect_forget_rest().returning(|_| Ok(false));
    ports.erasure.expect_forget_account().never();
    ports.erasure.expect_put_off().withf(|_, until| *until > timestamp(NOW)).times(1).returning(|_, _| Ok(()));

    let erased = Erasure::new(&ports.build(), SETTLING).run().await;

    assert_eq!(erased.expect("done"), Erased { gone: 0, late: 1 });
}

#[tokio::test]
async fn who_cannot_be_erased_keeps_nobody_else() {
    let mut ports = TestPorts::at(NOW);
    let accounts = [left(SETTLING), left(SETTLING)];
    let [first, second] = [accounts[0].user.id, accounts[1].user.id];
    due(&mut ports, &accounts);
    ports.erasure.expect_forget_tries().returning(|_| Ok(()));
    ports.users.expect_update().returning(|_, _| Ok(()));
    ports.users.expect_close_sessions().with(eq(first)).returning(|_| Err(StoreError::Unavailable("it rains".into())));
    ports.users.expect_close_sessions().with(eq(second)).returning(|_| Ok(()));
    has(&mut ports, recording(second, b"audio"));
    ports.erasure.expect_put_off().withf(move |user, _| *user == first).times(1).returning(|_, _| Ok(()));
    ports.erasure.expect_forget_rest().returning(|_| Ok(true));
    ports.erasure.expect_forget_account().with(eq(second)).times(1).returning(|_| Ok(()));

    let erased = Erasure::new(&ports.build(), SETTLING).run().await;

    assert!(erased.is_err(), "{erased:?}");
}

#[tokio::test]
async fn who_was_let_in_again_loses_nothing() {
    let mut ports = TestPorts::at(NOW);
    let mut account = left(TimeDelta::days(2));
    account.user.erase_at = None;
    due(&mut ports, &[account]);
    ports.erasure.expect_put_off().times(1).returning(|_, _| Ok(()));

    let erased = Erasure::new(&ports.build(), SETTLING).run().await;

    assert_eq!(erased.expect("nothing to do"), Erased::default());
}

#[tokio::test]
async fn while_it_can_be_taken_back_nothing_but_sessions_ends() {
    let mut ports = TestPorts::at(NOW);
    let account = left(TimeDelta::days(-1));
    let erase_at = account.user.erase_at.expect("a day from now");
    due(&mut ports, &[account]);
    ports.users.expect_close_sessions().times(1).returning(|_| Ok(()));
    ports.erasure.expect_put_off().withf(move |_, until| *until == erase_at).times(1).returning(|_, _| Ok(()));

    let erased = Erasure::new(&ports.build(), SETTLING).run().await;

    assert_eq!(erased.expect("nothing to do yet"), Erased::default());
}
