//! Whose an email address is.

use super::{Auth, AuthError};
use crate::user::{Account, Email, Identity};

impl Auth {
    /// The account with an email address, and under which identity.
    ///
    /// An address that was filed before letter case was folded in full is filed anew when somebody asks for it as they
    /// always have; unless another account has it by now, when each is found as it was typed.
    pub(super) async fn find_by_email(&self, email: Email) -> Result<(Identity, Option<Account>), AuthError> {
        let former = email.former().map(Identity::Email);
        let identity = Identity::Email(email);
        if let Some(former) = former
            && let Some(account) = self.users.find(&former).await?
        {
            return self.file_anew(account, former, identity).await;
        }
        let account = self.users.find(&identity).await?;
        Ok((identity, account))
    }

    /// Before an address is given to anybody: whoever has it as it was filed before is to have it as it is read today.
    pub(super) async fn keep_for_its_user(&self, email: &Email) -> Result<(), AuthError> {
        if email.former().is_some() {
            self.find_by_email(email.clone()).await?;
        }
        Ok(())
    }

    async fn file_anew(
        &self,
        from: Account,
        former: Identity,
        identity: Identity,
    ) -> Result<(Identity, Option<Account>), AuthError> {
        let mut to = from.clone();
        for linked in &mut to.user.identities {
            if linked.identity == former {
                linked.identity = identity.clone();
            }
        }
        match self.update(from.clone(), to.clone()).await {
            Ok(true) => Ok((identity, Some(to))),
            // Another time: they are found either way.
            Ok(false) | Err(AuthError::IdentityTaken | AuthError::Full(_)) => Ok((former, Some(from))),
            Err(error) => Err(error),
        }
    }
}
