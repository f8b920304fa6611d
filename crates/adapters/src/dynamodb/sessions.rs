//! Sessions: two items each, one that its user lists and one that its token finds.

use std::cmp::Reverse;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tapebase_domain::{
    id::{SessionId, UserId},
    ports::{StoreError, Timestamp},
    session::{Session, TokenHash},
    user::User,
};

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::{Due, Kind},
    items::{self, Item, micros, text},
    keys, query,
};

/// A transaction takes 100 actions: three for each session, and one to count.
const ENDED_AT_ONCE: usize = 33;
/// How often to look for sessions that began while the others were ended.
const MOST_ROUNDS: usize = 20;

impl DynamoDb {
    pub(super) async fn begin_session(
        &self,
        session: &Session,
        token: TokenHash,
        user: &User,
    ) -> Result<(), StoreError> {
        let mut begin = self.transaction();
        begin.add(items::of_opened_session(session, token, user))?;
        begin.add(items::of_session(session, token))?;
        Due::session(session.user, session.id).schedule(&mut begin, session.expires_at)?;
        begin.count(session.user, &sessions(1), &Check::default())?;
        begin.commit().await?.map_err(|_| StoreError::Conflict)
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

    pub(super) async fn list_sessions(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let items = query::all(self.sessions_of(user)).await?;
        let mut sessions = items.iter().map(items::session).collect::<Result<Vec<_>, _>>()?;
        sessions.sort_by_key(|session| Reverse((session.created_at, session.id)));
        Ok(sessions)
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
        let mut end = self.transaction();
        for item in ending {
            let id = items::session(item)?.id;
            end.take_out(keys::session(user, id))?;
            end.clear(keys::token(items::token(item)?))?;
            Due::session(user, id).cancel(&mut end)?;
        }
        end.count(user, &sessions(-(ending.len() as i128)), &Check::default())?;
        Ok(end.commit().await?.is_ok())
    }

    /// Looks at some sessions that may have expired; how many, and how many of them had.
    pub(super) async fn end_expired_sessions(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let due = self.due_before(Kind::Session, now).await?;
        let (mut ended, mut put_off) = (0, 0);
        for key in &due {
            let item = self.get(keys::session_of_due(key)).await?;
            let session = item.as_ref().map(items::session).transpose()?;
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

fn sessions(more: i128) -> Delta {
    Delta { sessions: more, ..Delta::default() }
}
