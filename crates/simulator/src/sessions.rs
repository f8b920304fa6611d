//! What people do with their sessions.

use std::mem::replace;

use futures_util::future;
use tapebase_domain::{
    api_token::{Scope, Scopes},
    auth::{AuthError, Bearer, Caller, Device, DueMail, Grant, NewApiToken, UserName, WithMail},
    id::{IdentityId, SessionId},
    oidc::{IdToken, ProviderName},
    page::Limit,
    session::SessionToken,
    user::{Email, Password, SocialId},
};

use crate::{
    client::Client,
    invariant::Invariant,
    model::Person,
    ports::PROVIDER,
    shared::{KnownSession, Openness, Shared},
};

const PASSWORD: &str = "correct horse";

fn email(person: Person) -> Option<Email> {
    Email::parse(&format!("person{person}@example.com")).ok()
}

/// Invites somebody, who signs up; nothing goes wrong yet.
pub async fn sign_up(shared: &Shared, services: &tapebase_domain::Services, person: Person) {
    let (Some(email), Ok(password)) = (email(person), Password::parse(PASSWORD)) else { return };
    let code = match services.auth.invite(email.clone()).await {
        Ok(invitation) => invitation.code,
        Err(error) => return shared.wrong(Invariant::Tokens, format!("an invitation fails: {error}")),
    };
    match services.auth.sign_up(email, password, Some(code.expose()), &"app".into()).await {
        Ok(WithMail::Done(grant, _)) => {
            let mut facts = shared.facts();
            facts.people[person].user = Some(grant.user.id);
            let (id, token) = (grant.session.id, grant.token.expose().to_owned());
            facts.known.sessions.push(KnownSession { person, id, token, state: Openness::Open });
        }
        Ok(WithMail::CodeNeeded(_)) => shared.wrong(Invariant::Tokens, format!("{person} is asked for a code")),
        Err(error) => shared.wrong(Invariant::Tokens, format!("sign-up fails: {error}")),
    }
}

/// Signs up a newcomer, who may have tried before.
pub async fn sign_up_newcomer(client: Client, number: usize) {
    let email = Email::parse(&format!("newcomer{number}@example.com"));
    let (Ok(email), Ok(password)) = (email, Password::parse(PASSWORD)) else { return };
    let was_known = client.shared.facts().known.newcomers.get(number).copied();
    let answer = client.services.auth.sign_up(email.clone(), password.clone(), None, &"app".into()).await;
    match answer {
        Ok(_) => {
            let was_there = client.shared.facts().known.newcomers.get_mut(number).map(|known| replace(known, true));
            if was_there == Some(true) {
                client.shared.wrong(Invariant::Answers, format!("newcomer {number} has two accounts"));
            }
        }
        Err(error) => client.excuse(&error),
    }
    if was_known == Some(true)
        && let Err(AuthError::WrongCredentials) = enter(&client, email, password).await
    {
        client.shared.wrong(Invariant::Tokens, format!("newcomer {number} is not known any more"));
    }
}

/// Logs in; nobody is asked for a code.
pub async fn enter(client: &Client, email: Email, password: Password) -> Result<Grant, AuthError> {
    match client.services.auth.log_in(email, password, None, &"app".into()).await? {
        WithMail::Done(grant, _) => Ok(grant),
        WithMail::CodeNeeded(_) => Err(AuthError::UnverifiedEmail),
    }
}

/// Logs in.
pub async fn log_in(client: Client) {
    let (Some(email), Ok(password)) = (email(client.person), Password::parse(PASSWORD)) else { return };
    let log_outs = || client.shared.facts().people[client.person].log_outs;
    let (_, over) = log_outs();
    match enter(&client, email, password).await {
        Ok(grant) => {
            let (begun, _) = log_outs();
            let session = KnownSession {
                person: client.person,
                id: grant.session.id,
                token: grant.token.expose().to_owned(),
                // One that was under way may have ended this session, too.
                state: if begun > over { Openness::Perhaps } else { Openness::Open },
            };
            client.shared.facts().known.sessions.push(session);
        }
        Err(error @ AuthError::WrongCredentials) if !may_have_changed(&client, over) => {
            client.shared.wrong(Invariant::Tokens, error.to_string());
        }
        // Tries whose success could not be noted count as failed, and so do those of a moment.
        Err(error @ (AuthError::Disabled | AuthError::TooManyAttempts { .. } | AuthError::WrongCredentials)) => {
            client.shared.note(&format!("{} is told that {error}", client.person));
        }
        Err(error) => client.excuse_failure(&error),
    }
}

/// Whether the password may be another one than it was when only so many of the changes that end sessions were over.
fn may_have_changed(client: &Client, over: u32) -> bool {
    let person = &client.shared.facts().people[client.person];
    person.log_outs.0 > over || person.is_log_out_lost
}

/// Presents a token, after a look at the list of sessions: none that is not there may be open.
pub async fn present(client: Client, token: String) {
    let Some((id, before)) = known(&client, &token) else { return };
    let listed = client.services.auth.sessions(client.user, Limit::MAX, None).await;
    let is_gone =
        listed.is_ok_and(|listed| listed.next.is_none() && listed.items.iter().all(|session| session.id != id));
    let answer = client.services.auth.authenticate(&token).await;
    let Some((_, after)) = known(&client, &token) else { return };
    let wrong = match answer {
        Ok(caller) if caller.user != client.user => Some("opens the session of somebody else"),
        Ok(_) if before == Openness::Closed => Some("is accepted after it was revoked"),
        Ok(_) if is_gone => Some("opens a session that is not there any more"),
        Err(AuthError::InvalidToken) if after == Openness::Open => Some("is refused, and nobody has revoked it"),
        Ok(_) | Err(_) => None,
    };
    if let Some(wrong) = wrong {
        client.shared.wrong(Invariant::Tokens, format!("a token of {} {wrong}", client.person));
    }
}

/// Which session a token is of, and whether it is open.
fn known(client: &Client, token: &str) -> Option<(SessionId, Openness)> {
    let facts = client.shared.facts();
    facts.known.sessions.iter().find(|session| session.token == token).map(|session| (session.id, session.state))
}

/// Logs out.
pub async fn log_out(client: Client, token: String) {
    let Ok(caller) = client.services.auth.authenticate(&token).await else { return };
    mark(&client, Openness::Perhaps, |session| session.token == token);
    match client.services.auth.log_out(&caller).await {
        Ok(()) => mark(&client, Openness::Closed, |session| session.token == token),
        Err(error) => client.excuse_failure(&error),
    }
}

/// Logs out everywhere.
pub async fn log_out_everywhere(client: Client, token: String) {
    let Ok(caller) = client.services.auth.authenticate(&token).await else { return };
    let tokens = client.shared.facts().tokens(client.person);
    end_all(&client, &tokens, client.services.auth.log_out_everywhere(&caller)).await;
}

/// Changes the password, to the same: what of others is open ends with it, and one's own session stays.
pub async fn change_password(client: Client, token: String) {
    let Ok(caller) = client.services.auth.authenticate(&token).await else { return };
    let (Ok(current), Ok(new)) = (Password::parse(PASSWORD), Password::parse(PASSWORD)) else { return };
    let mut tokens = client.shared.facts().tokens(client.person);
    tokens.retain(|other| *other != token);
    end_all(&client, &tokens, client.services.auth.change_password(&caller, current, new)).await;
}

/// Has the operator hand out a code, and chooses a password with it, which is the same: all that is open ends. The code counts
/// once.
pub async fn forget_password(client: Client) {
    let (Some(email), Ok(new)) = (email(client.person), Password::parse(PASSWORD)) else { return };
    let auth = &client.services.auth;
    let code = match auth.reset_code(email.clone()).await {
        Ok(Some(code)) => code,
        Ok(None) => return client.shared.wrong(Invariant::Tokens, format!("{} has no password", client.person)),
        Err(error) => return judge(&client, error),
    };
    let tokens = client.shared.facts().tokens(client.person);
    let reset = async || auth.reset_password(email.clone(), code.expose(), new.clone(), &"web".into()).await;
    let mut was_used = false;
    end_all(&client, &tokens, async { reset().await.inspect(|()| was_used = true) }).await;
    if was_used && reset().await.is_ok() {
        client.shared.wrong(Invariant::Tokens, format!("a code of {} counts twice", client.person));
    }
}

/// Signs in, and links another email address, which signs in as well until it is unlinked.
pub async fn change_identities(client: Client) {
    let (Some(email), Ok(password)) = (email(client.person), Password::parse(PASSWORD)) else { return };
    let auth = &client.services.auth;
    let log_in = async |email| enter(&client, email, password.clone()).await;
    let Ok(grant) = log_in(email).await else { return };
    let Ok(other) = Email::parse(&format!("{}@example.com", grant.session.id)) else { return };
    let caller = Caller { user: grant.session.user, session: grant.session };
    let device = Device::from("web");
    let (_, over) = client.shared.facts().people[client.person].log_outs;
    let (linked, mail) = match auth.link_email(&caller, other.clone(), password.clone(), None, &device).await {
        Ok(WithMail::Done(linked, mail)) => (linked, mail),
        Ok(WithMail::CodeNeeded(_)) => return judge(&client, AuthError::UnverifiedEmail),
        Err(error) => return judge(&client, error),
    };
    let is_verified = verify(&client, &caller, linked.id, &other, mail).await;
    let wrong = match log_in(other.clone()).await {
        Err(AuthError::WrongCredentials) if !may_have_changed(&client, over) => Some("does not sign in"),
        Ok(grant) if is_verified && !grant.user.reads(&other) => Some("is not verified any more"),
        Ok(_) | Err(_) => None,
    };
    if let Some(wrong) = wrong {
        client.shared.wrong(Invariant::Tokens, format!("a linked address of {} {wrong}", client.person));
    }
    match auth.unlink(&caller, linked.id).await {
        Ok(true) => {}
        Ok(false) => client.shared.wrong(Invariant::Tokens, format!("{} has lost an identity", client.person)),
        Err(error) => return judge(&client, error),
    }
    if log_in(other).await.is_ok() {
        client.shared.wrong(Invariant::Tokens, format!("an address that {} has unlinked signs in", client.person));
    }
}

/// Verifies a linked address with the code that is mailed there, unless none comes, or it has ended; whether it was.
async fn verify(client: &Client, caller: &Caller, id: IdentityId, email: &Email, mail: Option<DueMail>) -> bool {
    let auth = &client.services.auth;
    let Some(mail) = mail else {
        client.shared.wrong(Invariant::Tokens, format!("{} is not asked to verify an address", client.person));
        return false;
    };
    if let Err(error) = auth.mail(mail).await {
        client.excuse_failure(&error);
    }
    if let Ok(Some(_)) = auth.verify_email(caller, id, "0000-0000-0000", &"web".into()).await {
        client.shared.wrong(Invariant::Tokens, format!("a code of nobody verifies an address of {}", client.person));
    }
    let Some(code) = client.stores.code_mailed_to(email) else { return false };
    match auth.verify_email(caller, id, code.expose(), &"web".into()).await {
        Ok(Some(linked)) if linked.verified_at.is_none() => {
            client.shared.wrong(Invariant::Tokens, format!("a code verifies no address of {}", client.person));
            false
        }
        Ok(Some(_)) => true,
        // Unlinked by a code that resets the password.
        Ok(None) => false,
        Err(error) => {
            judge(client, error);
            false
        }
    }
}

/// Has somebody come by a social id alone, and then its owner by their provider, twice at once with one nonce: they get the
/// account, once, and nobody comes by the id alone any more.
pub async fn prove_social_id(client: Client) {
    let auth = &client.services.auth;
    let Ok(provider) = ProviderName::parse(PROVIDER) else { return };
    let nonce = match auth.nonce(&provider).await {
        Ok(nonce) => nonce,
        Err(error) => return client.excuse_failure(&error),
    };
    let id = nonce.digest().to_hex();
    let Ok(social) = SocialId::parse(PROVIDER.to_owned(), id.clone()) else { return };
    let by_id = async || auth.log_in_with_social_id(social.clone(), &"app".into()).await;
    let by_provider = async || {
        let token = IdToken::parse(format!("{id} {}", nonce.expose())).map_err(AuthError::InvalidIdToken)?;
        auth.log_in_with_id_token(&provider, token, nonce.expose(), &"app".into()).await
    };
    let before = by_id().await;
    let (first, second) = future::join(by_provider(), by_provider()).await;
    let owner = match (first, second) {
        (Ok(_), Ok(_)) => return client.shared.wrong(Invariant::Tokens, "one nonce lets in twice".to_owned()),
        (Ok(grant), Err(error)) | (Err(error), Ok(grant)) => {
            client.shared.note(&format!("{} is told that {error}", client.person));
            grant
        }
        // Keys that are rotated and clocks that are set end nonces.
        (Err(error), Err(_)) => return client.shared.note(&format!("{} is told that {error}", client.person)),
    };
    let wrong = match &before {
        Ok(before) if before.user.id != owner.user.id => Some("has not got the account of their social id"),
        Ok(before) if auth.authenticate(before.token.expose()).await.is_ok() => {
            Some("has not ended what began without proof")
        }
        Ok(_) | Err(_) => None,
    };
    let wrong = if by_id().await.is_ok() { Some("is not asked for a proof any more") } else { wrong };
    if let Some(wrong) = wrong {
        client.shared.wrong(Invariant::Tokens, format!("who proves a social id {wrong}"));
    }
}

/// Signs in, has an API token made for uploading, presents it, and revokes it: it counts for nothing afterwards.
pub async fn use_token(client: Client) {
    let (Some(email), Ok(password)) = (email(client.person), Password::parse(PASSWORD)) else { return };
    let Ok(scopes) = Scopes::of([Scope::Upload]) else { return };
    let auth = &client.services.auth;
    let Ok(grant) = enter(&client, email, password).await else { return };
    let caller = Caller { user: grant.session.user, session: grant.session };
    let new = NewApiToken { name: "phone".to_owned(), scopes, recording: None, expires_at: None };
    let (secret, token) = match auth.create_token(&caller, new).await {
        Ok(made) => made,
        Err(error) => return judge(&client, error),
    };
    let wrong = match auth.bearer(secret.expose()).await {
        Ok(bearer) if bearer.user() != client.user => Some("is somebody else's"),
        Ok(bearer) if bearer.may(Scope::Read, None) || !bearer.may(Scope::Upload, None) => Some("has another scope"),
        Ok(_) | Err(_) => None,
    };
    let wrong = match auth.revoke_token(client.user, token.id).await {
        Ok(_) if auth.bearer(secret.expose()).await.is_ok() => Some("is accepted after it was revoked"),
        Ok(_) => wrong,
        Err(error) => return client.excuse_failure(&error),
    };
    if let Some(wrong) = wrong {
        client.shared.wrong(Invariant::Tokens, format!("an API token of {} {wrong}", client.person));
    }
}

/// Has the operator disable somebody, whose sessions, operator's token and links end, and enable them again. Whoever stays
/// disabled is enabled the next time.
pub async fn disable(client: Client) {
    let (Some(email), Ok(password)) = (email(client.person), Password::parse(PASSWORD)) else { return };
    let (auth, name) = (&client.services.auth, UserName::Id(client.user));
    let token = operators_token(&client, &name).await;
    let enablings = || client.shared.facts().people[client.person].enablings;
    let (begun, over) = enablings();
    let tokens = client.shared.facts().tokens(client.person);
    let mut is_disabled = false;
    end_all(&client, &tokens, async { auth.disable(&name).await.map(|found| is_disabled = found) }).await;
    // Unless another enables them at the same time.
    let is_let_in = is_disabled && enter(&client, email, password).await.is_ok();
    if is_let_in && begun == over && enablings().0 == begun {
        client.shared.wrong(Invariant::Tokens, format!("{} signs in, and is disabled", client.person));
    }
    if is_disabled
        && let Some(token) = token
        && auth.bearer(token.expose()).await.is_ok()
    {
        client.shared.wrong(Invariant::Tokens, format!("{} was disabled, and their API token counts", client.person));
    }
    client.shared.facts().people[client.person].enablings.0 += 1;
    match auth.enable(&name).await {
        // One that got no answer may still do so.
        Ok(_) => client.shared.facts().people[client.person].enablings.1 += 1,
        Err(error) => client.excuse(&error),
    }
}

/// Has the operator make somebody a token to look after all accounts with, which is for nothing else.
async fn operators_token(client: &Client, name: &UserName) -> Option<SessionToken> {
    let auth = &client.services.auth;
    let scopes = Scopes::of([Scope::Admin]).ok()?;
    let new = NewApiToken { name: "operator".to_owned(), scopes, recording: None, expires_at: None };
    let (token, _) = match auth.issue_token(name, new).await {
        Ok(made) => made?,
        Err(error) => {
            judge(client, error);
            return None;
        }
    };
    let may = |bearer: &Bearer, scope| bearer.may(scope, None);
    // Others disable them at the same time.
    let wrong = match auth.bearer(token.expose()).await {
        Ok(bearer) => !may(&bearer, Scope::Admin) || may(&bearer, Scope::Read) || bearer.may_upload(),
        Err(_) => false,
    };
    if wrong {
        client.shared.wrong(Invariant::Tokens, format!("an operator's token of {} has another scope", client.person));
    }
    Some(token)
}

/// Clocks that are set make a session old, others change or disable the account at the same time, what could not be
/// unlinked stays, and sign-up may be closed.
fn judge(client: &Client, error: AuthError) {
    match error {
        AuthError::NotRecent
        | AuthError::Busy
        | AuthError::Disabled
        | AuthError::InvalidToken
        | AuthError::InvalidCode
        | AuthError::TooManyAttempts { .. }
        | AuthError::TooManyIdentities
        | AuthError::TooManyTokens
        | AuthError::BeingErased
        | AuthError::SignupClosed => {
            client.shared.note(&format!("{} is told that {error}", client.person));
        }
        AuthError::WrongPassword | AuthError::EmailTaken | AuthError::LastIdentity | AuthError::UnverifiedEmail => {
            client.shared.wrong(Invariant::Tokens, format!("{} is told that {error}", client.person));
        }
        error => client.excuse_failure(&error),
    }
}

/// Does what ends the sessions of these tokens, and all links.
async fn end_all(client: &Client, tokens: &[String], act: impl Future<Output = Result<(), AuthError>>) {
    let _under_way = LogOut::begin(client);
    let links = client.shared.facts().links.len();
    let end = |state| {
        mark(client, state, |session| tokens.contains(&session.token));
        client.shared.facts().mark_links(client.person, links, state);
    };
    end(Openness::Perhaps);
    match act.await {
        Ok(()) => end(Openness::Closed),
        Err(error @ AuthError::WrongPassword) => client.shared.wrong(Invariant::Tokens, error.to_string()),
        // A code ends with the password it was for, with keys that are rotated, and by the clock.
        Err(error @ (AuthError::Disabled | AuthError::TooManyAttempts { .. } | AuthError::InvalidCode)) => {
            client.shared.note(&format!("{} is told that {error}", client.person));
        }
        Err(error) => {
            client.shared.facts().people[client.person].is_log_out_lost = true;
            client.excuse_failure(&error);
        }
    }
}

/// Ends a session by its id.
pub async fn close(client: Client, id: SessionId) {
    let is_own = |session: &KnownSession| session.id == id && session.person == client.person;
    mark(&client, Openness::Perhaps, is_own);
    match client.services.auth.close_session(client.user, id).await {
        Ok(was_open) => {
            mark(&client, Openness::Closed, is_own);
            if was_open && !client.shared.facts().known.sessions.iter().any(is_own) {
                client.shared.wrong(Invariant::Tokens, format!("{} ends session {id} of somebody else", client.person));
            }
        }
        Err(error) => client.excuse_failure(&error),
    }
}

/// Somebody is logging out everywhere; it is over when this is dropped.
struct LogOut<'a>(&'a Client);

impl<'a> LogOut<'a> {
    fn begin(client: &'a Client) -> Self {
        client.shared.facts().people[client.person].log_outs.0 += 1;
        Self(client)
    }
}

impl Drop for LogOut<'_> {
    fn drop(&mut self) {
        self.0.shared.facts().people[self.0.person].log_outs.1 += 1;
    }
}

fn mark(client: &Client, state: Openness, is_meant: impl Fn(&KnownSession) -> bool) {
    for session in client.shared.facts().known.sessions.iter_mut().filter(|session| is_meant(session)) {
        session.state = state.max(session.state);
    }
}
