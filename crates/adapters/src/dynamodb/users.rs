//! `UserStore` in DynamoDB.

use std::cmp::Reverse;

use async_trait::async_trait;
use tapebase_domain::{
    id::{SessionId, UserId},
    page::Limit,
    ports::{Clock as _, CreateError, StoreError, SystemClock, UpdateError, UserStore},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, PasswordHash, User, UserPage},
};

use super::{
    DynamoDb,
    counting::Check,
    due::Due,
    errors::Backoff,
    items::{self, Item, micros, text},
    keys, query,
    schema::SWEEP,
    sessions::{ENDED_FOR_ONE, end, sessions},
};

#[async_trait]
impl UserStore for DynamoDb {
    async fn create(&self, account: Account) -> Result<(), CreateError> {
        let (mut create, user) = (self.transaction(), &account.user);
        for linked in &user.identities {
            create.add(items::of_owned_identity(user.id, &linked.identity))?;
        }
        create.add(items::of_account(&account))?;
        create.commit().await?.map_err(|_| CreateError::Taken)
    }

    async fn find(&self, identity: &Identity) -> Result<Option<Account>, StoreError> {
        let claimed = self.get(keys::identity(identity)).await?;
        let owner = claimed.as_ref().map(items::owner_of_identity).transpose()?;
        // Whether somebody has an identity must not be told by how long it takes, nor by how many calls: nobody's account
        // is looked up like somebody's.
        let owner = owner.unwrap_or_else(|| UserId::generate(SystemClock.now()));
        let account = UserStore::account(self, owner).await?;
        // It may have changed hands between the two.
        Ok(account.filter(|account| account.user.has(identity)))
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        let item = self.get(keys::account(user)).await?;
        item.as_ref().map(items::account).transpose()
    }

    /// The index has their ids; a call for each hundred fetches the accounts.
    async fn users(&self, after: Option<UserId>, limit: Limit) -> Result<UserPage, StoreError> {
        let range = keys::user_bounds(after);
        let query = query::between(self.query().index_name(SWEEP), ("sweep_pk", keys::USERS.to_owned()), range);
        let mut entries = query::first(query.scan_index_forward(false), limit.get() + 1).await?;
        let has_more = limit.cut(&mut entries);
        let next = entries.last().filter(|_| has_more).map(items::user_of_entry).transpose()?;
        let accounts = self.get_all(entries.iter().map(keys::of).collect()).await?;
        let accounts = accounts.iter().filter(|item| items::is_alive(item));
        let accounts = accounts.filter_map(|item| query::readable(items::account(item)));
        let mut items: Vec<User> = accounts.map(|account| account.user).collect();
        // They are answered in any order.
        items.sort_unstable_by_key(|user| Reverse(user.id));
        Ok(UserPage { items, next })
    }

    async fn update(&self, from: Account, to: Account) -> Result<(), UpdateError> {
        let user = from.user.id;
        let item = self.get(keys::account(user)).await?.ok_or(UpdateError::Changed)?;
        if items::account(&item)? != from {
            return Err(UpdateError::Changed);
        }
        let owner = Item::from([(":user".to_owned(), text(user.to_string()))]);
        let mut update = self.transaction();
        let later = ["identities", "password", "disabled_at", "erase_at", "stamp"];
        update.replace_same(items::of_account(&to), &item, &later)?;
        for linked in to.user.identities_beyond(&from.user) {
            update.add(items::of_owned_identity(user, &linked.identity))?;
        }
        let decided = update.len();
        for linked in from.user.identities_beyond(&to.user) {
            update.take_out_if(
                keys::identity(&linked.identity),
                // After a restore, which tears transactions, it may be missing.
                "attribute_not_exists(pk) OR #user = :user",
                &[("#user", "user")],
                owner.clone(),
            )?;
        }
        match to.user.erase_at {
            Some(at) if from.user.erase_at != Some(at) => Due::erasure(user).schedule(&mut update, at)?,
            None if from.user.erase_at.is_some() => Due::erasure(user).cancel(&mut update)?,
            _ => {}
        }
        update.commit().await?.map_err(|refusal| match refusal.action {
            0 => UpdateError::Changed,
            added if added < decided => UpdateError::Taken,
            _ => StoreError::Unavailable("an identity of the account is not its user's".into()).into(),
        })
    }

    async fn change_password(
        &self,
        user: UserId,
        from: Option<PasswordHash>,
        to: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError> {
        let place = [(":users".to_owned(), text(keys::USERS)), (":user".to_owned(), text(user.to_string()))];
        let mut values: Item = place.into_iter().chain([(":to".to_owned(), text(to.expose()))]).collect();
        let is_same = if let Some(from) = from {
            values.insert(":from".to_owned(), text(from.expose()));
            "password = :from"
        } else {
            "attribute_exists(pk) AND attribute_not_exists(password)"
        };
        let mut change = self.transaction();
        // Accounts that an earlier version wrote are in no list yet.
        let update = "SET password = :to, sweep_pk = :users, sweep_sk = :user";
        change.change_if(keys::account(user), update, is_same, &[], values)?;
        if change.commit().await?.is_err() {
            return Ok(false);
        }
        self.end_all_but(user, kept).await.map(|()| true)
    }

    async fn open_session(&self, session: Session, token: TokenHash, most: u64) -> Result<(), StoreError> {
        let user = session.user;
        // Where there are as many as there may be, those that were used least recently end for it, in the same
        // transaction; whoever was faster may have ended them, or taken their places.
        let (mut ending, mut turn, mut backoff) = (Vec::new(), None, Backoff::default());
        loop {
            let mut begin = self.transaction();
            begin.add(items::of_opened_session(&session, token))?;
            begin.add(items::of_session(&session, token))?;
            Due::session(user, session.id).schedule(&mut begin, session.expires_at)?;
            let own_actions = begin.len();
            ending.iter().try_for_each(|item| end(&mut begin, user, item))?;
            // Where there are many too many, because there may be fewer than before, some end each time.
            let room = most.max(1) - 1 + ending.len() as u64;
            let sessions_before = (ending.len() < ENDED_FOR_ONE).then_some(room);
            let check = Check { sessions: sessions_before, ..Check::default() };
            begin.count(user, &sessions(1 - ending.len() as i128), &check)?;
            match begin.commit().await? {
                Ok(()) => return Ok(()),
                Err(refusal) if refusal.action < own_actions => {
                    return Err(StoreError::Unavailable("another session has this id".into()));
                }
                // In this process they queue from here on: only servers get in each other's way.
                Err(_) if turn.is_none() => turn = Some(self.turn(user).await),
                Err(_) => backoff.wait("sessions begin and end all the time").await?,
            }
            ending = self.least_recently_used(user, most).await?;
        }
    }

    async fn session(&self, token: TokenHash) -> Result<Option<Session>, StoreError> {
        let item = self.get(keys::token(token)).await?;
        item.as_ref().map(items::opened_session).transpose()
    }

    async fn touch_session(
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

    async fn session_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let item = self.get(keys::session(user, id)).await?;
        item.as_ref().map(items::session).transpose()
    }

    async fn sessions(
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

    async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let Some(item) = self.get(keys::session(user, id)).await? else { return Ok(false) };
        self.end_sessions(user, std::slice::from_ref(&item)).await
    }

    async fn close_sessions(&self, user: UserId) -> Result<(), StoreError> {
        self.end_all_but(user, None).await
    }

    async fn remove_expired_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let (ended, put_off) = self.end_expired_sessions(now).await?;
            removed += ended;
            // An index that lags behind shows what is gone, and would do so for ever.
            if ended + put_off == 0 {
                return Ok(removed);
            }
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}
