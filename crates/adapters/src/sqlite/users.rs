//! `UserStore` in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    ports::{CreateError, StoreError, UpdateError, UserStore},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, LinkedIdentity, PasswordHash, User, UserPage},
};

use super::{
    Outcome, Sqlite,
    commit::{self, Delta},
    due::{self, Kind},
    playback, rows,
};

/// How many sessions are removed in one transaction.
const EXPIRED: usize = 100;
/// How many sessions end for one that begins, where there are more than there may be by now.
const ENDED_AT_ONCE: i64 = 100;

#[async_trait]
impl UserStore for Sqlite {
    async fn create(&self, account: Account) -> Result<(), CreateError> {
        let created = self.writer.write(move |connection| {
            let mut statement = connection.prepare_cached(&rows::INSERT_USER)?;
            let added = rows::bind_user(&account, |values| statement.execute(params_from_iter(values.iter())))?;
            let is_created = added == 1 && link(connection, account.user.id, &account.user.identities)?;
            Ok(if is_created { Outcome::Keep(true) } else { Outcome::Undo(false) })
        });
        if created.await? { Ok(()) } else { Err(CreateError::Taken) }
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        let found = self.readers.look_up(|connection| {
            let found = account_with(connection, identity)?;
            if found.is_none() {
                // Whether somebody has an identity must not be told by how long it takes: for nobody's, an account is read
                // as well, of whoever signed up last. What becomes of that is no matter.
                drop(last_account(connection));
            }
            Ok(found)
        })?;
        // What it was found by may be damaged.
        Ok(found.filter(|account| account.user.has(identity)))
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        self.readers.look_up(|connection| account(connection, user))
    }

    async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, StoreError> {
        // Behind all ids, which begin with a digit.
        let before = after.map_or_else(|| "~".to_owned(), |after| after.to_string());
        self.readers.look_up(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM users WHERE id < ?1 ORDER BY id DESC")?;
            let ids = statement.query_map(params![before], rows::user_id)?;
            let mut ids = rows::readable(ids, "users", limit.get() + 1)?;
            let has_more = limit.cut(&mut ids);
            let next = ids.last().copied().filter(|_| has_more);
            let accounts = rows::readable(ids.into_iter().map(|id| account(connection, id)), "users", limit.get())?;
            Ok(UserPage { items: accounts.into_iter().flatten().map(|account| account.user).collect(), next })
        })
    }

    async fn update(&self, from: Account, to: Account) -> Result<(), UpdateError> {
        self.writer.write(move |connection| update(connection, &from, &to)).await?
    }

    async fn change_password(
        &self,
        user: UserId,
        from: Option<PasswordHash>,
        to: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError> {
        self.change_sessions(user, move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE users SET password = ?3, checksum = row_checksum(id, ?3, created_at, disabled_at, erase_at) \
                     WHERE id = ?1 AND password IS ?2 \
                     AND checksum = row_checksum(id, password, created_at, disabled_at, erase_at)",
                )?
                .execute(params![user.to_string(), from.as_ref().map(PasswordHash::expose), to.expose()])?;
            if changed == 1 {
                end_all_but(connection, user, kept)?;
            }
            Ok(Outcome::Keep(changed == 1))
        })
        .await
    }

    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError> {
        self.change_sessions(session.user, move |connection| {
            let mut statement = connection.prepare_cached(&rows::INSERT_SESSION)?;
            rows::bind_session(&session, token, |values| statement.execute(params_from_iter(values.iter())))?;
            let user = session.user;
            due::schedule(connection, user, Kind::Session, &session.id.to_string(), session.expires_at)?;
            count_sessions(connection, user, 1)?;
            keep_to(connection, &session, most).map(Outcome::Keep)
        })
        .await
    }

    async fn session(&self, token: TokenHash) -> Result<Option<Session>, StoreError> {
        self.session_cache.look_up(token, || {
            self.readers.look_up(|connection| {
                let mut statement = connection.prepare_cached(&rows::FIND_SESSION)?;
                let found = statement.query_map([token.0.0], rows::session)?;
                // Whose session is damaged can begin another.
                rows::readable(found, "sessions", 1).map(|mut found| found.pop())
            })
        })
    }

    async fn touch_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.change_sessions(user, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE sessions SET last_used_at = ?3, expires_at = ?4, \
                     checksum = row_checksum(token, id, user, client, created_at, ?3, ?4, ends_at) \
                     WHERE id = ?2 AND user = ?1 AND checksum = \
                     row_checksum(token, id, user, client, created_at, last_used_at, expires_at, ends_at)",
                )?
                .execute(params![
                    user.to_string(),
                    id.to_string(),
                    rows::micros(&last_used_at),
                    rows::micros(&expires_at)
                ])?;
            Ok(Outcome::Keep(()))
        })
        .await
    }

    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.readers.look_up(|connection| {
            let query = format!("SELECT {} FROM sessions WHERE user = ?1 AND id = ?2", rows::SESSION.join(", "));
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_row([user.to_string(), id.to_string()], rows::session).optional()
        })
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        self.readers
            .read(move |connection| {
                let query = format!(
                    "SELECT {} FROM sessions WHERE user = ?1 AND id < ?2 AND expires_at > ?3 ORDER BY id DESC",
                    rows::SESSION.join(", ")
                );
                // No id begins with anything that comes after all letters.
                let before = after.map_or_else(|| "~".to_owned(), |after| after.to_string());
                let mut statement = connection.prepare_cached(&query)?;
                let page = params![user.to_string(), before, rows::micros(&now)];
                let found = statement.query_map(page, rows::session)?;
                rows::readable(found, "sessions", limit.get() + 1)
            })
            .await
    }

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        self.change_sessions(user, move |connection| close(connection, user, &id.to_string()).map(Outcome::Keep)).await
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        self.change_sessions(user, move |connection| end_all_but(connection, user, None).map(Outcome::Keep)).await
    }

    /// A few at a time: whoever writes meanwhile is held up by no more than that.
    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let some = self.writer.write(move |connection| remove_expired(connection, now).map(Outcome::Keep));
            let (looked_at, gone) = some.await?;
            // If nobody waits any more, no harm is done: whoever's session has expired is refused, cached or not.
            for user in &gone {
                self.session_cache.forget(*user);
            }
            removed += gone.len() as u64;
            if looked_at == 0 {
                return Ok(removed);
            }
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

impl Sqlite {
    /// Changes a user's sessions, and forgets them before anybody hears of it; also if nobody waits for that any more.
    pub(super) async fn change_sessions<T: Send + 'static>(
        &self,
        user: UserId,
        change: impl FnOnce(&Connection) -> rusqlite::Result<Outcome<T>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let cache = self.session_cache.clone();
        self.writer.write_then(change, move || cache.forget(user)).await
    }
}

fn account(connection: &Connection, user: UserId) -> rusqlite::Result<Option<Account>> {
    rows::account(connection.prepare_cached(&rows::FIND_ACCOUNT)?.query([user.to_string()])?)
}

fn account_with(connection: &Connection, identity: &Identity) -> rusqlite::Result<Option<Account>> {
    let (network, subject) = identity.network_and_subject();
    rows::account(connection.prepare_cached(&rows::FIND_ACCOUNT_BY_IDENTITY)?.query([&*network, subject])?)
}

fn last_account(connection: &Connection) -> rusqlite::Result<Option<Account>> {
    rows::account(connection.prepare_cached(&rows::FIND_LAST_ACCOUNT)?.query([])?)
}

fn update(connection: &Connection, from: &Account, to: &Account) -> rusqlite::Result<Outcome<Result<(), UpdateError>>> {
    let user = from.user.id;
    if account(connection, user)?.as_ref() != Some(from) {
        return Ok(Outcome::Undo(Err(UpdateError::Changed)));
    }
    for linked in rows_beyond(&from.user, &to.user) {
        let (network, subject) = linked.identity.network_and_subject();
        connection
            .prepare_cached("DELETE FROM identities WHERE network = ?1 AND subject = ?2 AND user = ?3")?
            .execute(params![network, subject, user.to_string()])?;
    }
    if to.user.identities.is_empty() {
        // One that is damaged goes as well: nobody sees it, and it would keep its text.
        connection.prepare_cached("DELETE FROM identities WHERE user = ?1")?.execute([user.to_string()])?;
    }
    if !link(connection, user, rows_beyond(&to.user, &from.user))? {
        return Ok(Outcome::Undo(Err(UpdateError::Taken)));
    }
    connection
        .prepare_cached(
            "UPDATE users SET password = ?2, disabled_at = ?3, erase_at = ?4, \
             checksum = row_checksum(id, ?2, created_at, ?3, ?4) WHERE id = ?1",
        )?
        .execute(params![
            user.to_string(),
            to.password.as_ref().map(PasswordHash::expose),
            to.user.disabled_at.as_ref().map(rows::micros),
            to.user.erase_at.as_ref().map(rows::micros)
        ])?;
    match to.user.erase_at {
        Some(at) if from.user.erase_at != Some(at) => due::schedule(connection, user, Kind::Erasure, "", at)?,
        None if from.user.erase_at.is_some() => _ = due::cancel(connection, user, Kind::Erasure, "")?,
        _ => {}
    }
    Ok(Outcome::Keep(Ok(())))
}

/// The identities of a user that `other` has not got as they are here: one that is linked anew is another row.
fn rows_beyond<'a>(user: &'a User, other: &'a User) -> impl Iterator<Item = &'a LinkedIdentity> {
    user.identities.iter().filter(|linked| !other.identities.contains(linked))
}

/// `false` if another user has one of the identities.
fn link<'a>(
    connection: &Connection,
    user: UserId,
    identities: impl IntoIterator<Item = &'a LinkedIdentity>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&rows::INSERT_IDENTITY)?;
    for linked in identities {
        if rows::bind_identity(user, linked, |values| statement.execute(params_from_iter(values.iter())))? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn count_sessions(connection: &Connection, user: UserId, more: i64) -> rusqlite::Result<()> {
    commit::count(connection, user, Delta { sessions: more, ..Delta::default() }, None).map(|_| ())
}

/// `false` if the user has no such session.
fn close(connection: &Connection, user: UserId, id: &str) -> rusqlite::Result<bool> {
    let closed = connection
        .prepare_cached("DELETE FROM sessions WHERE id = ?2 AND user = ?1")?
        .execute(params![user.to_string(), id])?;
    if closed == 1 {
        due::cancel(connection, user, Kind::Session, id)?;
        count_sessions(connection, user, -1)?;
    }
    Ok(closed == 1)
}

/// Ends all sessions of a user but `kept`, and all their links.
fn end_all_but(connection: &Connection, user: UserId, kept: Option<SessionId>) -> rusqlite::Result<()> {
    let (owner, kept) = (user.to_string(), kept.map(|id| id.to_string()));
    let closed = connection
        .prepare_cached("DELETE FROM sessions WHERE user = ?1 AND id IS NOT ?2")?
        .execute(params![owner, kept])?;
    connection
        .prepare_cached("DELETE FROM due WHERE owner = ?1 AND kind = ?2 AND reference IS NOT ?3")?
        .execute(params![owner, Kind::Session.as_str(), kept])?;
    count_sessions(connection, user, -i64::try_from(closed).unwrap_or_default())?;
    playback::end_links(connection, user)
}

/// Ends the sessions of a user that were used least recently, past so many and beside the one that has just begun.
fn keep_to(connection: &Connection, begun: &Session, most: u64) -> rusqlite::Result<()> {
    let (user, most) = (begun.user.to_string(), i64::try_from(most.max(1)).unwrap_or(i64::MAX));
    let surplus: i64 = connection
        .prepare_cached("SELECT sessions - ?2 FROM counters WHERE owner = ?1")?
        .query_row(params![user, most], |row| row.get(0))?;
    if surplus <= 0 {
        return Ok(());
    }
    let surplus = surplus.min(ENDED_AT_ONCE);
    let mut statement = connection
        .prepare_cached("SELECT id FROM sessions WHERE user = ?1 AND id <> ?2 ORDER BY last_used_at, id LIMIT ?3")?;
    let ended = statement.query_map(params![user, begun.id.to_string(), surplus], |row| row.get::<_, String>(0))?;
    for id in ended.collect::<rusqlite::Result<Vec<_>>>()? {
        close(connection, begun.user, &id)?;
    }
    Ok(())
}

/// Looks at some sessions that may have expired; how many, and whose those that had.
fn remove_expired(connection: &Connection, now: Timestamp) -> rusqlite::Result<(u64, Vec<UserId>)> {
    let mut statement = connection.prepare_cached(
        "SELECT due.owner, due.reference, sessions.expires_at FROM due LEFT JOIN sessions ON sessions.id = due.reference \
         WHERE due.kind = ?1 AND due.due_at < ?2",
    )?;
    let due = statement.query_map(params![Kind::Session.as_str(), rows::micros(&now)], |row| {
        Ok((rows::user_id(row)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?))
    })?;
    let due = rows::readable(due, "sessions that are due", EXPIRED)?;
    let mut removed = Vec::new();
    for (user, id, expires_at) in &due {
        match expires_at.and_then(Timestamp::from_timestamp_micros) {
            // It was used since it was noted.
            Some(later) if later >= now => due::schedule(connection, *user, Kind::Session, id, later)?,
            Some(_) => removed.extend(close(connection, *user, id)?.then_some(*user)),
            None => due::cancel(connection, *user, Kind::Session, id).map(|_| ())?,
        }
    }
    Ok((due.len() as u64, removed))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tapebase_domain::{
        digest::Sha256,
        ports::{Clock as _, SystemClock},
        user::Email,
    };

    use super::*;

    #[tokio::test]
    async fn however_many_sessions_have_expired_a_few_go_at_once() {
        let folder = tempfile::tempdir().expect("made");
        let store = Sqlite::open(&folder.path().join("rows.db")).expect("opened");
        let now = SystemClock.now();
        let (past, email) = (now - TimeDelta::days(1), Email::parse("ann@example.com").expect("an address"));
        let user = User::new(UserId::generate(past), Identity::Email(email), past);
        let id = user.id;
        store.create(Account { user, password: None }).await.expect("created");
        let sessions = (0..=2 * EXPIRED).map(|number| {
            let session = Session {
                id: SessionId::generate(past),
                user: id,
                client: String::new(),
                created_at: past,
                last_used_at: past,
                expires_at: past,
                ends_at: past,
            };
            store.open_session(session, TokenHash(Sha256::of(&number.to_le_bytes())), u64::MAX)
        });
        futures_util::future::try_join_all(sessions).await.expect("opened");

        let first = store.writer.write(move |connection| remove_expired(connection, now).map(Outcome::Keep));
        let (looked_at, gone) = first.await.expect("removed");

        assert_eq!((looked_at, gone.len()), (EXPIRED as u64, EXPIRED));
        assert_eq!(store.remove_expired_sessions(now).await.expect("removed"), EXPIRED as u64 + 1);
        assert_eq!(store.remove_expired_sessions(now).await.expect("removed"), 0);
    }
}
