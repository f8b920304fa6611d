//! A forgotten password: a code that only whoever reads the user's mail is told lets them choose another one.

use super::{Auth, AuthError, Device, EmailVerification, mailing::DueMail, require_enabled};
use crate::{
    attempts::AttemptKey,
    id::UserId,
    mail::{CodePurpose, MailedCode},
    ports::CreateError,
    user::{Account, Email, Identity, Password, PasswordHash, User},
};

impl Auth {
    /// Takes it that somebody has forgotten their password, and answers the mail that is due.
    ///
    /// An address that nobody has costs the same time and the same calls.
    ///
    /// # Errors
    /// [`AuthError::NoMail`], [`AuthError::TooManyFromAddress`], or a failing port.
    pub async fn forgot_password(&self, email: Email, device: &Device) -> Result<DueMail, AuthError> {
        if !self.sends_mail() {
            return Err(AuthError::NoMail);
        }
        let now = self.clock.now();
        self.sign_ups.check(device.address, now)?;
        self.sign_ups.count(device.address, now);
        let (email, account) = self.find_by_email(email).await?;
        Ok(DueMail::about_password(email, account))
    }

    /// The code that lets a user choose a new password, for the operator to hand over; `None` if nobody who has a password
    /// has this address.
    ///
    /// # Errors
    /// [`AuthError::Disabled`], [`AuthError::BeingErased`], or a failing port.
    pub async fn reset_code(&self, email: Email) -> Result<Option<MailedCode>, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let Some(account) = account else { return Ok(None) };
        require_enabled(&account.user)?;
        let (keys, now) = (self.keys.playback_keys().await?, self.clock.now());
        Ok(CodePurpose::password_reset(&account, &email).map(|purpose| purpose.issue(&keys, now)))
    }

    /// Replaces the password of whoever has been told a code, ends all their sessions, API tokens and links, and unlinks their
    /// other email addresses: somebody else may have signed up with theirs, or come by their password, and could be told a
    /// code as well. What is left is theirs alone, or nobody knows; in the first case their address is verified.
    ///
    /// Where addresses are to be verified, and theirs was not, it was not the reader of its mail who linked the other
    /// identities: they go as well. An address that was linked to somebody else's account gets one of its own.
    ///
    /// # Errors
    /// [`AuthError::InvalidCode`], [`AuthError::TooManyFromAddress`], [`AuthError::Disabled`], [`AuthError::Busy`], or a
    /// failing port.
    pub async fn reset_password(
        &self,
        email: Email,
        code: &str,
        new: Password,
        device: &Device,
    ) -> Result<(), AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let purpose = account.as_ref().and_then(|account| CodePurpose::password_reset(account, &email));
        self.require_typed(purpose, code, device).await?;
        let account = account.ok_or(AuthError::InvalidCode)?;
        require_enabled(&account.user)?;
        let place = self.queue.enter_known(device.address)?;
        let to = self.passwords.hash(new).await?;
        drop(place);
        if self.is_beside(&account.user, &email) {
            return self.set_apart(account.user.id, email, to).await;
        }
        // Nobody knows who has linked the others.
        let alone = self.policy.email_verification != EmailVerification::Off && !account.user.reads(&email);
        let unlink_others = |account: &mut Account| {
            if !account.user.has(&Identity::Email(email.clone())) {
                // Unlinked meanwhile: there would be nothing left.
                return Err(AuthError::InvalidCode);
            }
            account.user.identities.retain(|linked| match &linked.identity {
                Identity::Email(other) => *other == email,
                Identity::Oidc(_) | Identity::Social(_) => !alone,
            });
            Ok(())
        };
        // Before, since the code is of no use any more to whoever has to try again; and after, since sessions make tokens.
        self.end_access(account.user.id).await?;
        self.change(account.user.id, unlink_others).await?;
        // Refused, the password was changed meanwhile, and the code is of no use any more.
        if !self.users.change_password(account.user.id, account.password, to, None).await? {
            return Err(AuthError::InvalidCode);
        }
        let account = self.change(account.user.id, unlink_others).await?;
        if account.user.identities.len() == 1 {
            // Last: until then the address counts as unverified to whoever has to try again.
            self.verify(account.clone(), &email).await?;
        }
        self.tokens.revoke_tokens(account.user.id).await?;
        self.know(AttemptKey::of_email(&email), device.address).await;
        Ok(())
    }

    /// Whether an account is rather of somebody else than of who reads the mail of this address: of who had another address
    /// before it was linked, or, where addresses are to be verified, any other proof.
    fn is_beside(&self, user: &User, email: &Email) -> bool {
        let asks = self.policy.email_verification != EmailVerification::Off;
        let mut before = user.identities.iter().take_while(|linked| !linked.identity.is_email(email));
        !user.reads(email)
            && before.any(|linked| match &linked.identity {
                Identity::Email(_) => true,
                Identity::Oidc(_) | Identity::Social(_) => asks && linked.identity.is_proof(),
            })
    }

    /// Gives an address, which somebody has linked without reading its mail, an account of its own; while sign-up is closed,
    /// it is free for whoever the operator lets in.
    async fn set_apart(&self, from: UserId, email: Email, password: PasswordHash) -> Result<(), AuthError> {
        let identity = Identity::Email(email.clone());
        let detach = |account: &mut Account| {
            if !self.is_beside(&account.user, &email) {
                // What it was beside was unlinked meanwhile, or it was itself.
                return Err(AuthError::Busy);
            }
            *account = self.without(account, &identity);
            Ok(())
        };
        self.change(from, detach).await?;
        if !self.policy.open_signup {
            return Err(AuthError::SignupClosed);
        }
        let now = self.clock.now();
        let mut user = User::new(self.new_id(), identity, now);
        user.verify(&email, now);
        match self.users.create(Account { user, password: Some(password) }).await {
            Ok(()) => Ok(()),
            Err(CreateError::Taken) => Err(AuthError::InvalidCode),
            Err(CreateError::Store(error)) => Err(error.into()),
        }
    }
}
