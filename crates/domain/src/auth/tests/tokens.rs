use super::*;
use crate::api_token::{ApiToken, Scope, Scopes};

fn wanted() -> NewApiToken {
    let scopes = Scopes::of([Scope::Full]).expect("one");
    NewApiToken { name: "laptop".into(), scopes, recording: None, expires_at: None }
}

/// Has the store take a token, and expect that it is revoked so many times.
fn adding(ports: &mut TestPorts, revoked: usize) {
    ports.tokens.expect_add_token().times(1).returning(|_, _| Ok(true));
    ports.tokens.expect_revoke_token().times(revoked).returning(|_, _| Ok(true));
}

#[tokio::test]
async fn whose_session_has_ended_meanwhile_has_no_token_of_it() {
    for is_open in [true, false] {
        let mut ports = TestPorts::at(NOW);
        let known = account(&ports);
        let session = session_of(&known.user, ports.now());
        let caller = Caller { user: known.user.id, session: session.clone() };
        ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
        ports.users.expect_session_of().returning(move |_, _| Ok(is_open.then(|| session.clone())));
        adding(&mut ports, usize::from(!is_open));

        let made = Auth::new(&ports.build(), policy()).create_token(&caller, wanted()).await;

        assert_eq!(made.is_ok(), is_open, "{made:?}");
    }
}

#[tokio::test]
async fn what_began_without_a_proof_has_no_token_once_there_is_one() {
    let mut ports = TestPorts::at(NOW);
    let mut known = account(&ports);
    let social = SocialId::parse("X".into(), "1".into()).expect("a social id");
    let mut before = known.user.identities[0].clone();
    before.identity = Identity::Social(social);
    before.linked_at -= TimeDelta::hours(1);
    known.user.identities.insert(0, before);
    let caller = Caller { user: known.user.id, session: session_of(&known.user, ports.now()) };
    ports.users.expect_account().returning(move |_| Ok(Some(known.clone())));
    adding(&mut ports, 1);

    let made = Auth::new(&ports.build(), policy()).create_token(&caller, wanted()).await;

    assert!(matches!(made, Err(AuthError::NotRecent)), "{made:?}");
}

#[tokio::test]
async fn a_token_is_for_nobody_once_it_has_expired() {
    for (lasts, is_valid) in [(TimeDelta::seconds(1), true), (TimeDelta::zero(), false)] {
        let mut ports = TestPorts::at(NOW);
        let now = ports.now();
        let token = ApiToken {
            id: crate::id::ApiTokenId::generate(now),
            user: UserId::generate(now),
            name: String::new(),
            scopes: wanted().scopes,
            recording: None,
            created_at: now - TimeDelta::days(1),
            last_used_at: Some(now),
            expires_at: now + lasts,
        };
        ports.tokens.expect_token().returning(move |_| Ok(Some(token.clone())));
        let secret = SessionToken::generate(TokenForm::Api);

        let bearer = Auth::new(&ports.build(), policy()).bearer(secret.expose()).await;

        assert_eq!(bearer.is_ok(), is_valid, "{bearer:?}");
    }
}
