//! Whose an email address is.

use super::{Auth, AuthError, MOST_TRIES};
use crate::user::{Account, Email, Identity};

impl Auth {
    /// The account with an email address, and the text it is filed under.
    ///
    /// An address that was filed before letter case was folded in full is filed anew when somebody asks for it as they
    /// always have; unless another account has it by now, when each is found as it was typed.
    pub(super) async fn find_by_email(&self, email: Email) -> Result<(Email, Option<Account>), AuthError> {
        if let Some(former) = email.former() {
            for _ in 0..MOST_TRIES {
                let Some(account) = self.users.find(&Identity::Email(former.clone())).await? else { break };
                match self.file_anew(account.clone(), &former, &email).await {
                    Ok(Some(account)) => return Ok((email, Some(account))),
                    // Changed meanwhile, perhaps by whoever does the same.
                    Ok(None) => {}
                    Err(AuthError::IdentityTaken | AuthError::Full(_)) => return Ok((former, Some(account))),
                    Err(error) => return Err(error),
                }
            }
        }
        let account = self.users.find(&Identity::Email(email.clone())).await?;
        Ok((email, account))
    }

    /// Before an address is given to anybody: whoever has it as it was filed before is to have it as it is read today.
    pub(super) async fn keep_for_its_user(&self, email: &Email) -> Result<(), AuthError> {
        if email.former().is_some() {
            self.find_by_email(email.clone()).await?;
        }
        Ok(())
    }

    /// `None` if the account was changed meanwhile.
    async fn file_anew(&self, from: Account, former: &Email, email: &Email) -> Result<Option<Account>, AuthError> {
        let (former, identity) = (Identity::Email(former.clone()), Identity::Email(email.clone()));
        let mut to = from.clone();
        if from.user.has(&identity) {
            to.user.identities.retain(|linked| linked.identity != former);
        }
        for linked in to.user.identities.iter_mut().filter(|linked| linked.identity == former) {
            linked.identity = identity.clone();
        }
        Ok(self.update(from, to.clone()).await?.then_some(to))
    }
}
