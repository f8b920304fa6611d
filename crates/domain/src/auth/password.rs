//! Changing a password.

use super::{Auth, AuthError, Caller, MOST_TRIES, UserName, disabling::require_identity};
use crate::user::{Password, PasswordHash};

impl Auth {
    /// Replaces the caller's password, and ends their other sessions and all links.
    ///
    /// It may be asked for again, as by whoever got no answer: the new password is the current one by then.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`], [`AuthError::TooManyAttempts`], [`AuthError::Busy`] where it is changed all the time, or a failing port.
    pub async fn change_password(&self, caller: &Caller, current: Password, new: Password) -> Result<(), AuthError> {
        let attempt = self.reserve_own_attempt(caller.user).await?;
        for _ in 0..MOST_TRIES {
            let from = self.account(caller).await?.password.ok_or(AuthError::WrongPassword)?;
            let to = if current != new && self.passwords.verify(current.clone(), from.clone()).await? {
                self.passwords.hash(new.clone()).await?
            } else if self.is_already(caller, &new, &from).await? {
                from.clone()
            } else {
                return Err(AuthError::WrongPassword);
            };
            self.note_success(&attempt).await;
            // Refused, it was changed meanwhile, perhaps by the same request, sent twice.
            if self.users.change_password(caller.user, Some(from), to, Some(caller.session.id)).await? {
                return Ok(());
            }
        }
        Err(AuthError::Busy)
    }

    /// Whether a password is the one there is: another try, for whoever guesses.
    async fn is_already(&self, caller: &Caller, password: &Password, hash: &PasswordHash) -> Result<bool, AuthError> {
        let _attempt = self.reserve_own_attempt(caller.user).await?;
        Ok(self.passwords.verify(password.clone(), hash.clone()).await?)
    }

    /// Replaces somebody's password, and ends all their sessions and links: the operator's way. `false` if there is
    /// no such user.
    ///
    /// # Errors
    /// [`AuthError::BeingErased`], or a failing port.
    pub async fn set_password(&self, name: &UserName, new: Password) -> Result<bool, AuthError> {
        let to = self.passwords.hash(new).await?;
        while let Some(account) = self.look_up(name).await? {
            require_identity(&account.user)?;
            // Refused, it was changed meanwhile.
            if self.users.change_password(account.user.id, account.password, to.clone(), None).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
