//! Use case: sign up, log in, and know who is asking.

mod addresses;
mod attempts;
mod claiming;
mod disabling;
mod emails;
mod erasing;
mod identities;
mod inviting;
mod mailing;
mod oidc;
mod password;
mod resetting;
mod revoking;
mod social;
#[cfg(test)]
mod tests;
mod tokens;
mod verifying;
mod web;

pub use self::{
    disabling::{InvalidUserName, UserName},
    erasing::{ErasurePolicy, ErasureReceipt},
    inviting::Invitation,
    mailing::{DueMail, Mailed, WithMail},
    tokens::{Bearer, NewApiToken},
    verifying::EmailVerification,
    web::WebPage,
};

use std::{net::IpAddr, sync::Arc};

use chrono::TimeDelta;

use self::{
    addresses::{HourlyLimit, Queue},
    verifying::Reader,
};
use crate::{
    api_token::ApiToken,
    attempts::AttemptKey,
    id::{SessionId, UserId},
    mail::CodePurpose,
    oidc::IdTokenFlaw,
    page::Limit,
    ports::{
        AttemptStore, BoxError, Clock, CreateError, ErasureStore, HasherError, IdentityProviders, Mailer,
        PasswordHasher, PlaybackKeyStore, Ports, SingleUse, StoreError, TokenStore, UserStore,
    },
    session::{Session, SessionPage, SessionToken, TokenForm},
    time::Timestamp,
    user::{Account, Email, Identity, Password, PasswordHash, User},
};

/// Who may come in, and for how long.
#[derive(Debug, Clone)]
pub struct AuthPolicy {
    /// Whether anybody may sign up; otherwise only the operator adds users.
    pub open_signup: bool,
    /// Whether a social id alone, which proves nothing, lets its bearer in.
    pub trust_social_ids: bool,
    /// What is asked of whoever comes with an email address.
    pub email_verification: EmailVerification,
    /// How long an unused session lasts.
    pub idle: TimeDelta,
    /// How long any session lasts.
    pub absolute: TimeDelta,
    /// How many wrong passwords one client address may send in an hour; any number if 0.
    pub wrong_passwords_per_address: u32,
    /// How many accounts one client address may make, or mails it may ask for, in an hour; any number if 0.
    pub sign_ups_per_address: u32,
    /// How many sessions a user may have; then the one that was used least recently ends for the next.
    pub most_sessions: u64,
    /// When those who leave are erased.
    pub erasure: ErasurePolicy,
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Sign-up is closed.
    #[error("sign-up is closed")]
    SignupClosed,
    /// Another account has this email address.
    #[error("the email address is taken")]
    EmailTaken,
    /// There is no such user, or the password is not theirs; which of both is not told.
    #[error("wrong email address or password")]
    WrongCredentials,
    /// The caller's session began too long ago for what they ask.
    #[error("the session began too long ago")]
    NotRecent,
    /// Without it the user could not sign in any more.
    #[error("the user has nothing else to sign in with")]
    LastIdentity,
    /// The user has as many identities as one may have.
    #[error("the user has {} identities", User::MOST_IDENTITIES)]
    TooManyIdentities,
    /// A token is to end in the past, or too far away.
    #[error("the token would end in the past, or more than ten years from now")]
    InvalidExpiry,
    /// Only operators give tokens this right.
    #[error("tokens with the scope `admin` are made by operators")]
    OperatorsScope,
    /// The user has as many API tokens as one may have.
    #[error("the user has {} API tokens", ApiToken::MOST)]
    TooManyTokens,
    /// The operator lets them in no more.
    #[error("the account is disabled")]
    Disabled,
    /// They have left, and are not erased yet.
    #[error("the account is being erased")]
    BeingErased,
    /// They have not shown yet that they read the mail of their address: what front ends make of [`WithMail::CodeNeeded`].
    #[error("the email address is not verified")]
    UnverifiedEmail,
    /// The operator has not said how mail is sent.
    #[error("no mail is sent here")]
    NoMail,
    /// The code is not one that was sent, was used, or is too old.
    #[error("the code is wrong or does not count any more")]
    InvalidCode,
    /// It is not the caller's password, or they have none.
    #[error("wrong password")]
    WrongPassword,
    /// No OpenID provider is called so, or proves the ids of this network.
    #[error("no such provider")]
    UnknownProvider,
    /// What an OpenID provider has given cannot be ended from here.
    #[error("nothing that the provider has given can be revoked")]
    CannotRevoke,
    /// The provider has used up the code and revoked nothing.
    #[error("the provider has revoked nothing")]
    NotRevoked(#[source] BoxError),
    /// The operator has no app of this client id.
    #[error("no such client")]
    UnknownClient,
    /// The ID token is no proof.
    #[error("the ID token proves nothing: {0}")]
    InvalidIdToken(IdTokenFlaw),
    /// What the ID token would be checked with cannot be had.
    #[error("the provider's keys cannot be fetched")]
    ProviderUnavailable(#[source] BoxError),
    /// Another account has this identity.
    #[error("the identity is taken")]
    IdentityTaken,
    /// A social id alone is not proof enough here.
    #[error("unverified social ids are not trusted")]
    UntrustedSocialId,
    /// The token opens no session.
    #[error("invalid or expired token")]
    InvalidToken,
    /// Too many passwords were wrong.
    #[error("too many wrong passwords")]
    TooManyAttempts {
        /// How long until the next one is heard.
        wait: TimeDelta,
    },
    /// Too many passwords of the client's address were wrong, or it has made too many accounts or asked for too many mails.
    #[error("too much from this address")]
    TooManyFromAddress {
        /// How long until the next one is heard.
        wait: TimeDelta,
    },
    /// Too many are signing in at this moment, or the account changes all the time.
    #[error("too much at once")]
    Busy,
    /// There is no room left.
    #[error("no space left")]
    Full(#[source] BoxError),
    /// A store failed.
    #[error("a store is unavailable")]
    Unavailable(#[source] BoxError),
}

/// What somebody signs in with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// What it calls itself.
    pub name: String,
    /// Its address, where that is known and says something.
    pub address: Option<IpAddr>,
    /// The token of a session it has had before, if it sends one.
    pub earlier: Option<SessionToken>,
}

impl From<&str> for Device {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// A session that just began, with the token that opens it.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Shown this once, and never again.
    pub token: SessionToken,
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
}

/// Someone who proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub user: UserId,
    /// By which session.
    pub session: Session,
}

/// How often a change is tried anew because the account has changed meanwhile: each try costs hashes.
const MOST_TRIES: usize = 3;

/// Lets users in.
#[derive(Clone)]
pub struct Auth {
    users: Arc<dyn UserStore>,
    passwords: Arc<dyn PasswordHasher>,
    providers: Arc<dyn IdentityProviders>,
    attempts: Arc<dyn AttemptStore>,
    tokens: Arc<dyn TokenStore>,
    erasure: Arc<dyn ErasureStore>,
    single_use: Arc<dyn SingleUse>,
    keys: Arc<dyn PlaybackKeyStore>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Arc<dyn Clock>,
    wrong_passwords: Arc<HourlyLimit>,
    sign_ups: Arc<HourlyLimit>,
    queue: Queue,
    policy: AuthPolicy,
}

impl Auth {
    /// How much longer it is remembered that something was used: one server forgets it by its clock, and another might
    /// accept it again by its own.
    const CLOCKS_APART: TimeDelta = TimeDelta::days(1);
    /// How stale `last_used_at` may get before a use is written down: a request costs no write otherwise.
    const TOUCH_AFTER: TimeDelta = TimeDelta::hours(1);
    const CLIENT_CHARACTERS: usize = 200;

    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports, policy: AuthPolicy) -> Self {
        let Ports {
            users,
            passwords,
            identity_providers,
            attempts,
            tokens,
            erasure,
            single_use,
            playback_keys,
            mailer,
            clock,
            ..
        } = ports.clone();
        let (providers, keys) = (identity_providers, playback_keys);
        let wrong_passwords = Arc::new(HourlyLimit::new(policy.wrong_passwords_per_address));
        let sign_ups = Arc::new(HourlyLimit::new(policy.sign_ups_per_address));
        let queue = Queue::default();
        Self {
            users,
            passwords,
            providers,
            attempts,
            tokens,
            erasure,
            single_use,
            keys,
            mailer,
            clock,
            wrong_passwords,
            sign_ups,
            queue,
            policy,
        }
    }

    /// Makes an account for whoever asks, and signs them in; or mails them a code to sign in with, where addresses are to be
    /// verified first. There it is whoever reads the mail of an address that is told whether it is taken.
    ///
    /// Who has the `code` of an invitation needs no other, and may come while sign-up is closed.
    ///
    /// # Errors
    /// [`AuthError::SignupClosed`], [`AuthError::NoMail`], [`AuthError::InvalidCode`], [`AuthError::EmailTaken`],
    /// [`AuthError::TooManyFromAddress`], [`AuthError::Busy`], or a failing port.
    pub async fn sign_up(
        &self,
        email: Email,
        password: Password,
        code: Option<&str>,
        device: &Device,
    ) -> Result<WithMail<Grant>, AuthError> {
        let must_verify = self.policy.email_verification == EmailVerification::Required && code.is_none();
        match code {
            Some(code) => self.require_typed(Some(CodePurpose::invitation(&email)), code, device).await?,
            None if !self.policy.open_signup => return Err(AuthError::SignupClosed),
            None if must_verify && !self.sends_mail() => return Err(AuthError::NoMail),
            None => {}
        }
        let (key, now) = (AttemptKey::of_email(&email), self.clock.now());
        self.sign_ups.check(device.address, now)?;
        let place = self.queue.enter(device.address)?;
        self.sign_ups.count(device.address, now);
        let identity = Identity::Email(email.clone());
        let mut user = User::new(self.new_id(), identity.clone(), now);
        if code.is_some() {
            user.verify(&email, now);
        }
        let added = self.add(user, &email, password).await;
        drop(place);
        if must_verify && matches!(added, Ok(_) | Err(AuthError::EmailTaken)) {
            // Also if it was just made: a taken address costs what a free one does.
            let (email, account) = self.find_by_email(email).await?;
            return Ok(WithMail::CodeNeeded(DueMail::about_sign_up(email, account)));
        }
        let account = added?;
        let mail = self.if_asked(DueMail::about_sign_up(email, Some(account.clone())));
        self.know(key, device.address).await;
        let grant = self.open_session(account.user, device, TokenForm::Prefixed).await?;
        let grant = self.confirm(grant, &identity, account.password.as_ref()).await?;
        Ok(WithMail::Done(grant, mail))
    }

    /// Makes an account for somebody, whether sign-up is open or not: the operator's way, who knows whose address it is.
    /// Under an id that somebody had before it is one with their recordings.
    ///
    /// # Errors
    /// [`AuthError::EmailTaken`], or a failing port; also if another user has the id.
    pub async fn add_user(&self, id: UserId, email: Email, password: Password) -> Result<User, AuthError> {
        let now = self.clock.now();
        let mut user = User::new(id, Identity::Email(email.clone()), now);
        user.verify(&email, now);
        match self.add(user, &email, password).await {
            Err(AuthError::EmailTaken) if self.find_by_email(email).await?.1.is_none() => {
                Err(AuthError::Unavailable(format!("another user has the id {id}").into()))
            }
            result => Ok(result?.user),
        }
    }

    async fn add(&self, user: User, email: &Email, password: Password) -> Result<Account, AuthError> {
        self.keep_for_its_user(email).await?;
        let account = Account { user, password: Some(self.passwords.hash(password).await?) };
        match self.users.create(account.clone()).await {
            Err(CreateError::Taken) => Err(AuthError::EmailTaken),
            Err(CreateError::Store(error)) => Err(error.into()),
            Ok(()) => Ok(account),
        }
    }

    /// Signs in with email address and password; where the address is to be verified first, with a code as well, which is
    /// mailed to whoever sends none.
    ///
    /// An unknown user costs the same time as a wrong password. Whoever has a session of the user's, or had one lately, is
    /// not kept waiting by those who guess.
    ///
    /// # Errors
    /// [`AuthError::WrongCredentials`], [`AuthError::InvalidCode`], [`AuthError::TooManyAttempts`],
    /// [`AuthError::TooManyFromAddress`], [`AuthError::Disabled`], [`AuthError::Busy`], [`AuthError::InvalidToken`] if the
    /// account is gone at this moment, or a failing port.
    pub async fn log_in(
        &self,
        email: Email,
        password: Password,
        code: Option<&str>,
        device: &Device,
    ) -> Result<WithMail<Grant>, AuthError> {
        let (email, account) = self.find_by_email(email).await?;
        let attempt = self.reserve_log_in(&email, account.as_ref(), device).await?;
        let hash = account.as_ref().and_then(|account| account.password.clone());
        let hash = hash.unwrap_or_else(|| self.passwords.decoy());
        let is_right = self.passwords.verify(password, hash.clone()).await?;
        let Some(mut account) = account.filter(|_| is_right) else {
            self.wrong_passwords.count(device.address, self.clock.now());
            return Err(AuthError::WrongCredentials);
        };
        self.note_success(&attempt).await;
        drop(attempt);
        require_enabled(&account.user)?;
        match self.look_at_code(&account, &email, code, device).await? {
            Reader::CodeNeeded => return Ok(WithMail::CodeNeeded(DueMail::about_address(email, account))),
            Reader::Verified => account = self.verify(account, &email).await?,
            Reader::Unverified => {}
        }
        let grant = self.open_session(account.user, device, TokenForm::Prefixed).await?;
        let grant = self.confirm(grant, &Identity::Email(email), Some(&hash)).await?;
        Ok(WithMail::Done(grant, None))
    }

    /// Who presents this token.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], or a failing port.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, AuthError> {
        self.caller(&SessionToken::parse(token).map_err(|_| AuthError::InvalidToken)?).await
    }

    async fn caller(&self, token: &SessionToken) -> Result<Caller, AuthError> {
        let found = self.users.session(token.hash()).await?;
        let mut session = found.ok_or(AuthError::InvalidToken)?;
        let now = self.clock.now();
        if session.expires_at <= now || session.ends_at <= now {
            return Err(AuthError::InvalidToken);
        }
        if now - session.last_used_at >= Self::TOUCH_AFTER {
            let expires_at = session.ends_at.min(now + self.policy.idle);
            // Not being able to note it, on a full disk for instance, is no reason to refuse the caller.
            if self.users.touch_session(session.user, session.id, now, expires_at).await.is_ok() {
                (session.last_used_at, session.expires_at) = (now, expires_at);
            }
        }
        Ok(Caller { user: session.user, session })
    }

    /// Ends the session the caller came by.
    ///
    /// # Errors
    /// A failing port.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), AuthError> {
        self.close_session(caller.user, caller.session.id).await.map(|_| ())
    }

    /// Ends all sessions of the caller, the one they came by too.
    ///
    /// # Errors
    /// A failing port.
    pub async fn log_out_everywhere(&self, caller: &Caller) -> Result<(), AuthError> {
        Ok(self.users.close_sessions(caller.user).await?)
    }

    /// One session of `user` that is still open.
    ///
    /// # Errors
    /// A failing port.
    pub async fn session(&self, user: UserId, id: SessionId) -> Result<Option<Session>, AuthError> {
        let now = self.clock.now();
        Ok(self.users.session_of(user, id).await?.filter(|session| session.expires_at > now))
    }

    /// Some sessions of `user` that are still open.
    ///
    /// # Errors
    /// A failing port.
    pub async fn sessions(
        &self,
        user: UserId,
        limit: Limit,
        after: Option<SessionId>,
    ) -> Result<SessionPage, AuthError> {
        let mut items = self.users.sessions(user, self.clock.now(), limit, after).await?;
        let has_more = limit.cut(&mut items);
        Ok(SessionPage { next: items.last().map(|last| last.id).filter(|_| has_more), items })
    }

    /// Ends a session of `user`, at once; `false` if there is none of this id.
    ///
    /// # Errors
    /// A failing port.
    pub async fn close_session(&self, user: UserId, id: SessionId) -> Result<bool, AuthError> {
        Ok(self.users.close_session(user, id).await?)
    }

    async fn end_access(&self, user: UserId) -> Result<(), AuthError> {
        Ok(end_access(&*self.users, &*self.tokens, user).await?)
    }

    fn new_id(&self) -> UserId {
        UserId::generate(self.clock.now())
    }

    async fn open_session(&self, user: User, device: &Device, form: TokenForm) -> Result<Grant, AuthError> {
        let token = SessionToken::generate(form);
        let session = self.new_session(user.id, device, self.clock.now());
        self.users.open_session(session.clone(), token.hash(), self.policy.most_sessions).await?;
        Ok(Grant { token, session, user })
    }

    /// Ends a session again that has begun by what was taken away while it was looked at: the password, the identity, the
    /// right to come in.
    ///
    /// Whatever takes it away ends what has begun before; what begins afterwards sees it here.
    async fn confirm(
        &self,
        grant: Grant,
        identity: &Identity,
        password: Option<&PasswordHash>,
    ) -> Result<Grant, AuthError> {
        let account = self.users.account(grant.user.id).await?;
        let is_same = |account: &Account| {
            account.user.lets_in(identity) && (password.is_none() || account.password.as_ref() == password)
        };
        let refusal = match account.map(|account| require_enabled(&account.user).map(|()| is_same(&account))) {
            Some(Ok(true)) => return Ok(grant),
            Some(Err(refusal)) => refusal,
            Some(Ok(false)) | None => AuthError::WrongCredentials,
        };
        self.users.close_session(grant.user.id, grant.session.id).await?;
        Err(refusal)
    }

    fn new_session(&self, user: UserId, device: &Device, now: Timestamp) -> Session {
        Session {
            id: SessionId::generate(now),
            user,
            client: device.name.chars().take(Self::CLIENT_CHARACTERS).collect(),
            created_at: now,
            last_used_at: now,
            expires_at: now + self.policy.idle.min(self.policy.absolute),
            ends_at: now + self.policy.absolute,
        }
    }
}

/// Ends all that lets somebody do something as a user: sessions first, or one that goes on could have another API token made.
pub(crate) async fn end_access(users: &dyn UserStore, tokens: &dyn TokenStore, user: UserId) -> Result<(), StoreError> {
    users.close_sessions(user).await?;
    tokens.revoke_tokens(user).await
}

fn require_enabled(user: &User) -> Result<(), AuthError> {
    if user.disabled_at.is_some() {
        return Err(AuthError::Disabled);
    }
    if user.erase_at.is_some() { Err(AuthError::BeingErased) } else { Ok(()) }
}

impl From<StoreError> for AuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(source) => Self::Full(source),
            StoreError::NotWritten(source) | StoreError::Unavailable(source) => Self::Unavailable(source),
        }
    }
}

impl From<HasherError> for AuthError {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy => Self::Busy,
            HasherError::Failed(source) => Self::Unavailable(source),
        }
    }
}
