//! What becomes of people who leave for good.

use tapebase_domain::{
    auth::{AuthError, Caller, WithMail},
    details::NewDetails,
    digest::Sha256,
    direct::NewUpload,
    history::Counters,
    media_type::MediaType,
    page::PageRequest,
    upload::NewRecording,
    user::{Email, Password},
};

use crate::{
    client::{Arrival, Client},
    invariant::Invariant,
    model::Take,
    sessions,
    shared::Shared,
    stores::Stores,
};

/// Somebody signs up, records one thing, announces another, and has all of it erased.
pub async fn leave(client: Client, number: usize, [stored, announced]: [Take; 2]) {
    let email = Email::parse(&format!("leaver{number}@example.com"));
    let (Ok(email), Ok(password)) = (email, Password::parse("correct horse")) else { return };
    let auth = &client.services.auth;
    let grant = match auth.sign_up(email.clone(), password.clone(), None, &"app".into()).await {
        Ok(WithMail::Done(grant, _)) => grant,
        Ok(WithMail::CodeNeeded(_)) => return,
        Err(error) => return client.excuse(&error),
    };
    let user = grant.user.id;
    let details = || NewDetails::of_type(MediaType::octet_stream());
    let storing = client.services.upload.store(user, NewRecording::of(details()), client.body(stored, Arrival::Whole));
    if let Err(error) = storing.await {
        client.excuse(&error);
    }
    let audio = client.audio(announced);
    let (size, sha256) = (audio.len() as u64, Sha256::of(&audio));
    let new = NewUpload { id: None, details: details(), again: false, size, sha256 };
    if let Err(error) = client.services.direct.create(user, new).await {
        client.excuse(&error);
    }
    match auth.erase(&Caller { user, session: grant.session }).await {
        Ok(_) => client.shared.facts().known.erased.push(user),
        // Clocks that are set make a session old.
        Err(error @ AuthError::NotRecent) => return client.shared.note(&format!("a leaver is told that {error}")),
        Err(error) => return client.excuse_failure(&error),
    }
    let wrong = |what: &str| client.shared.wrong(Invariant::Tokens, format!("who has left {what}"));
    if auth.authenticate(grant.token.expose()).await.is_ok() {
        wrong("is still signed in");
    }
    if sessions::enter(&client, email, password).await.is_ok() {
        wrong("can sign in");
    }
}

/// Long after everything, nothing is left of those who have left.
///
/// # Errors
/// If a store fails.
pub async fn erased(shared: &Shared, stores: &Stores) -> anyhow::Result<()> {
    let (inner, erased) = (stores.inner(), shared.facts().known.erased.clone());
    for user in erased {
        let counted = inner.records.counters(user).await?;
        let has_account = inner.users.account(user).await?.is_some();
        let recordings = inner.records.list(user, PageRequest::default()).await?.len();
        if has_account || recordings > 0 || counted != Counters::default() {
            let left = format!("{recordings} recordings and {counted:?}, an account: {has_account}");
            shared.wrong(Invariant::Leftovers, format!("{user} has left, and there is left of them: {left}"));
        }
    }
    Ok(())
}
