//! Sessions: two items each, one that its user lists and one that its token finds.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tapebase_domain::{
    id::{SessionId, UserId},
    playback::LinkEpoch,
    ports::StoreError,
    time::Timestamp,
};

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::{Due, Kind},
    items::{self, Item, text},
    keys, query,
    transact::Transaction,
};

/// How often to look for sessions that began while the others were ended.
const MOST_ROUNDS: usize = 20;
/// A transaction takes 100 actions: three for each session that ends, and one to count.
const ENDED_AT_ONCE: usize = 33;
/// The same, beside three for a session that begins.
pub const ENDED_FOR_ONE: usize = 32;

impl DynamoDb {
    /// What must end for another session to begin. If that is nothing, too many are counted.
    pub(super) async fn least_recently_used(&self, user: UserId, most: u64) -> Result<Vec<Item>, StoreError> {
        let items = query::all(self.sessions_of(user)).await?;
        let surplus = (items.len() as u64 + 1).saturating_sub(most.max(1));
        if surplus == 0 {
            self.count_anew(user).await?;
        }
        // One that cannot be read stays until it is forgotten: nobody is kept out for it.
        let by_use = items.into_iter().filter_map(|item| Some((query::readable(items::session(&item))?, item)));
        let mut by_use: Vec<_> = by_use.collect();
        by_use.sort_by_key(|(session, _)| (session.last_used_at, session.id));
        let ending = usize::try_from(surplus).unwrap_or(ENDED_FOR_ONE).min(ENDED_FOR_ONE);
        Ok(by_use.into_iter().take(ending).map(|(_, item)| item).collect())
    }

    /// Ends sessions, all or none; `false` if one of them has ended already.
    pub(super) async fn end_sessions(&self, user: UserId, ending: &[Item]) -> Result<bool, StoreError> {
        self.end_with(user, ending, Delta::default()).await
    }

    /// Ends all sessions of a user but `kept`, and all links made before.
    pub(super) async fn end_all_but(&self, user: UserId, kept: Option<SessionId>) -> Result<(), StoreError> {
        // Links end first, whatever becomes of the sessions.
        self.sign_out(user, &[]).await?;
        let kept = kept.map(|id| keys::session(user, id));
        // Until there is none left, for others may begin meanwhile.
        for _ in 0..MOST_ROUNDS {
            let mut sessions = query::all(self.sessions_of(user)).await?;
            sessions.retain(|item| kept.as_ref().is_none_or(|kept| item.get("sk") != kept.get("sk")));
            if sessions.is_empty() {
                // A session that ended by itself since may have been given links.
                return self.sign_out(user, &[]).await.map(|_| ());
            }
            for some in sessions.chunks(ENDED_AT_ONCE) {
                // What was refused is looked at again in the next round.
                self.sign_out(user, some).await?;
            }
        }
        Err(StoreError::Unavailable("sessions begin faster than they end".into()))
    }

    /// Ends sessions of a user who signs out everywhere, and all links made before; `false` if one of them has ended
    /// already.
    pub(super) async fn sign_out(&self, user: UserId, ending: &[Item]) -> Result<bool, StoreError> {
        self.end_with(user, ending, Delta { link_epoch: Some(LinkEpoch::generate()), ..Delta::default() }).await
    }

    async fn end_with(&self, user: UserId, ending: &[Item], delta: Delta) -> Result<bool, StoreError> {
        let mut transaction = self.transaction();
        ending.iter().try_for_each(|item| end(&mut transaction, user, item))?;
        let delta = Delta { sessions: -(ending.len() as i128), ..delta };
        transaction.count(user, &delta, &Check::default())?;
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
                (_, None) => self.forget_item(key.clone()).await?,
            }
        }
        Ok((ended, put_off))
    }

    /// Everything a user has of sessions, expired or not.
    pub(super) fn sessions_of(&self, user: UserId) -> QueryFluentBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :user AND begins_with(sk, :session)")
            .expression_attribute_values(":user", text(keys::of_user(user)))
            .expression_attribute_values(":session", text(keys::SESSION))
    }
}

/// Ends a session, if it is there.
pub fn end(transaction: &mut Transaction<'_>, user: UserId, item: &Item) -> Result<(), StoreError> {
    let id = items::session(item)?.id;
    transaction.take_out(keys::session(user, id))?;
    transaction.clear(keys::token(items::token(item)?))?;
    Due::session(user, id).cancel(transaction)
}

/// How the count of sessions changes.
pub fn sessions(more: i128) -> Delta {
    Delta { sessions: more, ..Delta::default() }
}
