//! API tokens: for programs of the user's own, for uploads that outlive a session, and for operators.

use chrono::TimeDelta;

use super::{Auth, AuthError, Caller, UserName, require_enabled};
use crate::{
    api_token::{ApiToken, Scope, Scopes},
    id::{ApiTokenId, RecordingId, UserId},
    session::{SessionToken, TokenForm},
    time::Timestamp,
};

/// Somebody who has presented a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// Of a session: they may do everything that a user may.
    Session(Caller),
    /// An API token.
    Token(ApiToken),
}

impl Bearer {
    /// Who it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        match self {
            Self::Session(caller) => caller.user,
            Self::Token(token) => token.user,
        }
    }

    /// Whether there is anything that they may upload.
    #[must_use]
    pub fn may_upload(&self) -> bool {
        match self {
            Self::Session(_) => true,
            Self::Token(token) => token.scopes.allow(Scope::Upload),
        }
    }

    /// Whether they may do this, to this recording if there is one that matters.
    #[must_use]
    pub fn may(&self, scope: Scope, recording: Option<&RecordingId>) -> bool {
        match self {
            Self::Session(_) => scope != Scope::Admin,
            Self::Token(token) => token.allows(scope, recording),
        }
    }
}

/// A token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApiToken {
    /// What its user calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The one recording it may upload, if it is for one.
    pub recording: Option<RecordingId>,
    /// When it is to end; after a year otherwise.
    pub expires_at: Option<Timestamp>,
}

impl Auth {
    const TOKEN_LASTS: TimeDelta = TimeDelta::days(365);
    const TOKEN_LASTS_AT_MOST: TimeDelta = TimeDelta::days(3_653);

    /// Who presents this token.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], or a failing port.
    pub async fn bearer(&self, text: &str) -> Result<Bearer, AuthError> {
        let token = SessionToken::parse(text).map_err(|_| AuthError::InvalidToken)?;
        if !token.is_of_api() {
            return Ok(Bearer::Session(self.caller(&token).await?));
        }
        let found = self.tokens.token(token.hash()).await?;
        let now = self.clock.now();
        let mut token = found.filter(|token| token.expires_at > now).ok_or(AuthError::InvalidToken)?;
        if token.last_used_at.is_none_or(|last_used_at| now - last_used_at >= Self::TOUCH_AFTER) {
            // Not being able to note it is no reason to refuse the caller.
            if self.tokens.touch_token(token.user, token.id, now).await.is_ok() {
                token.last_used_at = Some(now);
            }
        }
        Ok(Bearer::Token(token))
    }

    /// Gives the caller a token, and its secret, which is shown this once. One that does more than upload takes somebody
    /// who has signed in lately: whoever finds a session must not make it last.
    ///
    /// # Errors
    /// [`AuthError::OperatorsScope`], [`AuthError::NotRecent`], also where what began without a proof goes on,
    /// [`AuthError::InvalidExpiry`], [`AuthError::TooManyTokens`], or a failing port.
    pub async fn create_token(&self, caller: &Caller, new: NewApiToken) -> Result<(SessionToken, ApiToken), AuthError> {
        if new.scopes.allow(Scope::Admin) {
            return Err(AuthError::OperatorsScope);
        }
        if new.scopes.allow(Scope::Read) {
            self.require_recent(caller)?;
        }
        // Whatever revokes tokens ends sessions before: whose session has ended meanwhile must not have one that came late.
        self.add_token(caller.user, new, async { self.account_to_change(caller).await.map(drop) }).await
    }

    /// Gives a user a token of any scope, and its secret: the operator's way. `None` if there is no such user.
    ///
    /// # Errors
    /// [`AuthError::Disabled`], [`AuthError::BeingErased`], [`AuthError::InvalidExpiry`], [`AuthError::TooManyTokens`], or
    /// a failing port.
    pub async fn issue_token(
        &self,
        name: &UserName,
        new: NewApiToken,
    ) -> Result<Option<(SessionToken, ApiToken)>, AuthError> {
        let Some(account) = self.look_up(name).await? else { return Ok(None) };
        require_enabled(&account.user)?;
        let user = account.user.id;
        // Whoever disables them meanwhile has revoked what there was before.
        let is_enabled = async {
            let account = self.users.account(user).await?;
            account.map_or(Err(AuthError::InvalidToken), |account| require_enabled(&account.user))
        };
        self.add_token(user, new, is_enabled).await.map(Some)
    }

    /// Adds a token, and takes it back if by then its user must not have it.
    async fn add_token(
        &self,
        user: UserId,
        new: NewApiToken,
        permission: impl Future<Output = Result<(), AuthError>>,
    ) -> Result<(SessionToken, ApiToken), AuthError> {
        let (secret, now) = (SessionToken::generate(TokenForm::Api), self.clock.now());
        let expires_at = new.expires_at.unwrap_or(now + Self::TOKEN_LASTS);
        if expires_at <= now || expires_at > now + Self::TOKEN_LASTS_AT_MOST {
            return Err(AuthError::InvalidExpiry);
        }
        let token = ApiToken {
            id: ApiTokenId::generate(now),
            user,
            name: new.name,
            scopes: new.scopes,
            recording: new.recording,
            created_at: now,
            last_used_at: None,
            expires_at,
        };
        if !self.tokens.add_token(token.clone(), secret.hash()).await? {
            return Err(AuthError::TooManyTokens);
        }
        if let Err(refusal) = permission.await {
            self.tokens.revoke_token(user, token.id).await?;
            return Err(refusal);
        }
        Ok((secret, token))
    }

    /// All tokens of a user that have not expired, newest first.
    ///
    /// # Errors
    /// A failing port.
    pub async fn tokens(&self, user: UserId) -> Result<Vec<ApiToken>, AuthError> {
        Ok(self.tokens.tokens(user, self.clock.now()).await?)
    }

    /// Ends a token of `user`, at once; `false` if there is none of this id.
    ///
    /// # Errors
    /// A failing port.
    pub async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, AuthError> {
        Ok(self.tokens.revoke_token(user, id).await?)
    }
}
