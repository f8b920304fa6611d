//! Sessions: two items each, one that its user lists and one that its token finds.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    ports::{StoreError, Timestamp},
    session::{Session, TokenHash},
    user::User,
};

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::{Due, Kind},
    errors::Backoff,
    items::{self, Item, micros, text},
    keys, query,
    transact::Transaction,
};

/// A transaction takes 100 actions: three for each session that ends, and one to count.
const ENDED_AT_ONCE: usize = 33;
/// The same, beside three for a session that begins.
const ENDED_FOR_ONE: usize = 32;
/// How often to look for sessions that began while the others were ended.
const MOST_ROUNDS: usize = 20;

impl DynamoDb {
    /// Begins a session. Where there are as many as there may be, those that were used least recently end for it, in
    /// the same transaction; whoever was faster may have ended them, or taken their places.
    pub(super) async fn begin_session(
        &self,
        session: &Session,
        token: TokenHash,
        user: &User,
        most: u64,
    ) -> Result<(), StoreError> {
        let (mut ending, mut turn, mut backoff) = (Vec::new(), None, Backoff::default());
        loop {
            let mut begin = self.transaction();
            begin.add(items::of_opened_session(session, token, user))?;
            begin.add(items::of_session(session, token))?;
            Due::session(user.id, session.id).schedule(&mut begin, session.expires_at)?;
            let own_actions = begin.len();
            ending.iter().try_for_each(|item| end(&mut begin, user.id, item))?;
            // Where there are many too many, because there may be fewer than before, some end each time.
            let room = most.max(1) - 1 + ending.len() as u64;
            let sessions_before = (ending.len() < ENDED_FOR_ONE).then_some(room);
            let check = Check { sessions: sessions_before, ..Check::default() };
            begin.count(user.id, &sessions(1 - ending.len() as i128), &check)?;
            match begin.commit().await? {
                Ok(()) => return Ok(()),
                Err(refusal) if refusal.action < own_actions => return Err(StoreError::Conflict),
                // In this process they queue from here on: only servers get in each other's way.
                Err(_) if turn.is_none() => turn = Some(self.turn(user.id).await),
                Err(_) => backoff.wait("sessions begin and end all the time").await?,
            }
            ending = self.least_recently_used(user.id, most).await?;
        }
    }

    /// What must end for another session to begin. If that is nothing, too many are counted.
    async fn least_recently_used(&self, user: UserId, most: u64) -> Result<Vec<Item>, StoreError> {
        let items = query::all(self.sessions_of(user)).await?;
        let surplus = (items.len() as u64 + 1).saturating_sub(most.max(1));
        if surplus == 0 {
            self.count_anew(user).await?;
        }
        let by_use = items.into_iter().map(|item| Ok((items::session(&item)?, item)));
        let mut by_use = by_use.collect::<Result<Vec<_>, StoreError>>()?;
        by_use.sort_by_key(|(session, _)| (session.last_used_at, session.id));
        let ending = usize::try_from(surplus).unwrap_or(ENDED_FOR_ONE).min(ENDED_FOR_ONE);
        Ok(by_use.into_iter().take(ending).map(|(_, item)| item).collect())
    }

    pub(super) async fn prolong_session(
        &self,
        user: UserId,
        id: SessionId,
        last_used_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(item) = self.get(keys::session(user, id)).await? else { return Ok(()) };
        let mut prolong = self.transaction();
        for key in [keys::token(items::token(&item)?), keys::session(user, id)] {
            let values = Item::from([
                (":last_used_at".to_owned(), micros(last_used_at)),
                (":expires_at".to_owned(), micros(expires_at)),
                (":ttl".to_owned(), items::time_to_live(expires_at)),
            ]);
            let update = "SET last_used_at = :last_used_at, expires_at = :expires_at, #ttl = :ttl";
            prolong.change(key, update, &[("#ttl", "ttl")], values)?;
        }
        // Refused, it was closed meanwhile.
        let _ = prolong.commit().await?;
        Ok(())
    }

    pub(super) async fn list_sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<Vec<Session>, StoreError> {
        let (first, last) = keys::session_bounds(after);
        let query = query::between(self.query(), ("pk", keys::of_user(user)), ("sk", first, last))
            .consistent_read(true)
            .scan_index_forward(false)
            // Until they are swept.
            .filter_expression("expires_at > :now")
            .expression_attribute_values(":now", micros(now));
        query::first_readable(query, limit.get() + 1, items::session).await
    }

    pub(super) async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let Some(item) = self.get(keys::session(user, id)).await? else { return Ok(false) };
        self.end_sessions(user, std::slice::from_ref(&item)).await
    }

    /// Until there is none left, for others may begin meanwhile.
    pub(super) async fn end_all_sessions(&self, user: UserId) -> Result<(), StoreError> {
        for _ in 0..MOST_ROUNDS {
            let sessions = query::all(self.sessions_of(user)).await?;
            if sessions.is_empty() {
                return Ok(());
            }
            for some in sessions.chunks(ENDED_AT_ONCE) {
                // What was refused is looked at again in the next round.
                self.end_sessions(user, some).await?;
            }
        }
        Err(StoreError::Unavailable("sessions begin faster than they end".into()))
    }

    /// Ends sessions, all or none; `false` if one of them has ended already.
    async fn end_sessions(&self, user: UserId, ending: &[Item]) -> Result<bool, StoreError> {
        let mut transaction = self.transaction();
        ending.iter().try_for_each(|item| end(&mut transaction, user, item))?;
        transaction.count(user, &sessions(-(ending.len() as i128)), &Check::default())?;
        Ok(transaction.commit().await?.is_ok())
    }

    /// Looks at some sessions that may have expired; how many, and how many of them had.
    pub(super) async fn end_expired_sessions(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let due = self.due_before(Kind::Session, now).await?;
        let (mut ended, mut put_off) = (0, 0);
        for key in &due {
            let item = self.get(keys::session_of_due(key)).await?;
            let Some(session) = query::readable(item.as_ref().map(items::session).transpose()) else { continue };
            match (item, session) {
                (Some(item), Some(session)) if session.expires_at < now => {
                    ended += u64::from(self.end_sessions(session.user, &[item]).await?);
                }
                // It was used since it was noted.
                (_, Some(session)) => {
                    let due = Due::session(session.user, session.id);
                    self.reschedule(&due, Kind::Session, session.expires_at).await?;
                    put_off += 1;
                }
                (_, None) => self.forget_due(key.clone()).await?,
            }
        }
        Ok((ended, put_off))
    }

    fn sessions_of(&self, user: UserId) -> QueryFluentBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :user AND begins_with(sk, :session)")
            .expression_attribute_values(":user", text(keys::of_user(user)))
            .expression_attribute_values(":session", text(keys::SESSION))
    }
}

/// Ends a session, if it is there.
fn end(transaction: &mut Transaction<'_>, user: UserId, item: &Item) -> Result<(), StoreError> {
    let id = items::session(item)?.id;
    transaction.take_out(keys::session(user, id))?;
    transaction.clear(keys::token(items::token(item)?))?;
    Due::session(user, id).cancel(transaction)
}

fn sessions(more: i128) -> Delta {
    Delta { sessions: more, ..Delta::default() }
}
