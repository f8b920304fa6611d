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
    items::{self, Item, micros, text},
    keys, query,
    transact::Transaction,
};

/// A transaction takes 100 actions; ending a session takes two.
const ENDED_AT_ONCE: usize = 50;
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
        let mut end = self.transaction();
        end.take_out(keys::session(user, id))?;
        end.clear(keys::token(items::token(&item)?))?;
        Ok(end.commit().await?.is_ok())
    }

    /// Until there is none left, for others may begin meanwhile.
    pub(super) async fn end_all_sessions(&self, user: UserId) -> Result<(), StoreError> {
        for _ in 0..MOST_ROUNDS {
            let sessions = query::all(self.sessions_of(user)).await?;
            if sessions.is_empty() {
                return Ok(());
            }
            for some in sessions.chunks(ENDED_AT_ONCE) {
                self.end_sessions(user, some).await?;
            }
        }
        Err(StoreError::Unavailable("sessions begin faster than they end".into()))
    }

    async fn end_sessions(&self, user: UserId, sessions: &[Item]) -> Result<(), StoreError> {
        let mut end = self.transaction();
        for item in sessions {
            clear(&mut end, user, item)?;
        }
        // Without conditions, nothing is refused.
        let _ = end.commit().await?;
        Ok(())
    }

    fn sessions_of(&self, user: UserId) -> QueryFluentBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :user AND begins_with(sk, :session)")
            .expression_attribute_values(":user", text(keys::of_user(user)))
            .expression_attribute_values(":session", text(keys::SESSION))
    }
}

fn clear(transaction: &mut Transaction<'_>, user: UserId, item: &Item) -> Result<(), StoreError> {
    transaction.clear(keys::session(user, items::session(item)?.id))?;
    transaction.clear(keys::token(items::token(item)?))
}
