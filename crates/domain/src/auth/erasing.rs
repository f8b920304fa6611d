//! Leaving for good: nobody is let in any more, and all that is theirs is removed.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, MOST_TRIES};
use crate::{erasure, id::UserId, time::Timestamp, user::Account};

/// When those who leave are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasurePolicy {
    /// For how long the operator can let somebody in again who has left.
    pub grace: TimeDelta,
    /// How long after that nothing is left of them in the stores.
    pub within: TimeDelta,
    /// For how long the operator keeps backups, if that is known.
    pub backups_kept: Option<TimeDelta>,
}

/// What somebody who leaves is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasureReceipt {
    /// Who leaves.
    pub user: UserId,
    /// When their data begins to be removed.
    pub begins_at: Timestamp,
    /// By when nothing is left of it in the stores.
    pub completed_by: Timestamp,
    /// By when it is gone from backups as well, if that is known.
    pub backups_expire_by: Option<Timestamp>,
}

impl Auth {
    /// Erases the caller: all their sessions, API tokens and links end at once, and everything that is theirs is removed.
    ///
    /// It may be asked for again, as by whoever got no answer.
    ///
    /// # Errors
    /// [`AuthError::NotRecent`], [`AuthError::Busy`] where the account changes all the time, or a failing port.
    pub async fn erase(&self, caller: &Caller) -> Result<ErasureReceipt, AuthError> {
        self.require_recent(caller)?;
        for _ in 0..MOST_TRIES {
            let from = match self.account_to_change(caller).await {
                // What has begun is to be done to its end.
                Err(AuthError::BeingErased) => self.users.account(caller.user).await?.ok_or(AuthError::InvalidToken)?,
                from => from?,
            };
            if let Some(receipt) = self.begin_erasure(from).await? {
                return Ok(receipt);
            }
        }
        Err(AuthError::Busy)
    }

    /// The same of any user, `None` if there is no such user: the operator's way. If it fails half-way, do it again.
    ///
    /// # Errors
    /// A failing port.
    pub async fn erase_user(&self, user: UserId) -> Result<Option<ErasureReceipt>, AuthError> {
        while let Some(from) = self.users.account(user).await? {
            if let Some(receipt) = self.begin_erasure(from).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// `None` if the account was changed meanwhile. Whoever asks again is told when it was to begin.
    async fn begin_erasure(&self, from: Account) -> Result<Option<ErasureReceipt>, AuthError> {
        let (user, now, tries) = (from.user.id, self.clock.now(), erasure::tries_of(&from));
        let begins_at = from.user.erase_at.unwrap_or(now + self.policy.erasure.grace);
        if from.user.erase_at.is_none() {
            let mut to = from.clone();
            to.user.erase_at = Some(begins_at);
            // Nobody can take it back: what they have signed in with is anybody's to sign up with.
            if begins_at <= now {
                to = erasure::nameless(to);
            }
            if !self.update(from, to).await? {
                return Ok(None);
            }
        }
        self.end_access(user).await?;
        if begins_at <= now {
            erasure::forget_tries(&*self.erasure, &tries).await?;
        }
        Ok(Some(self.receipt(user, begins_at)))
    }

    fn receipt(&self, user: UserId, begins_at: Timestamp) -> ErasureReceipt {
        let ErasurePolicy { within, backups_kept, .. } = self.policy.erasure;
        let completed_by = begins_at + within;
        let backups_expire_by = backups_kept.map(|kept| completed_by + kept);
        ErasureReceipt { user, begins_at, completed_by, backups_expire_by }
    }
}
