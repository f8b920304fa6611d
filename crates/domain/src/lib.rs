//! What Tapebase is, without saying where it runs: types, ports and use cases.
//!
//! - [`recording`], [`attempts`], [`user`], [`session`], [`blob`], [`details`], [`history`], [`mail`], [`oidc`], [`pending`], [`page`], [`quota`], [`time`] hold the words of the recorder's world,
//!   parsed once at the edge and trusted afterwards.
//! - [`ports`] are the traits an adapter implements; [`memory`] is what all of them and the front ends share.
//! - [`upload`], [`direct`], [`auth`], [`list`], [`playback`], [`changes`], [`sweep`], [`audit`], [`lineage`], [`usage`], [`readiness`], [`verify`], [`backup`] and
//!   [`rebuild`] are the use cases: every decision is taken there.
//!
//! This crate knows no HTTP, SQL, AWS or file system; Cargo enforces it, the dependencies are not there.

pub mod api_token;
pub mod attempts;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod blob;
pub mod changes;
pub mod condition;
pub mod damage;
pub mod details;
pub mod digest;
pub mod direct;
mod email;
pub mod erasure;
pub mod history;
pub mod id;
pub mod lineage;
pub mod list;
mod look;
pub mod mail;
pub mod media_type;
pub mod memory;
pub mod oidc;
pub mod page;
pub mod pending;
pub mod playback;
pub mod ports;
pub mod quota;
pub mod readiness;
pub mod rebuild;
pub mod recording;
pub mod session;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod time;
pub mod upload;
pub mod usage;
pub mod user;
pub mod verify;
pub mod witnesses;

/// Every use case, wired to its ports: what a front end is handed.
#[derive(Clone)]
pub struct Services {
    /// Storing recordings.
    pub upload: upload::Upload,
    /// Storing recordings that come in parts, past the server where the store allows it.
    pub direct: direct::Direct,
    /// Who is asking.
    pub auth: auth::Auth,
    /// Finding, playing, renaming and deleting recordings.
    pub list: list::List,
    /// Links that play one recording.
    pub playback: playback::Playback,
    /// Audio that is missing or damaged.
    pub damage: damage::Damage,
    /// Learning what has changed.
    pub changes: changes::Changes,
    /// How much there is of everybody.
    pub usage: usage::Usage,
    /// Whether the stores answer.
    pub readiness: readiness::Readiness,
    /// Removing what crashes and expiry left behind.
    pub sweep: sweep::Sweep,
    /// Whether rows and audio have the same history.
    pub lineage: lineage::Lineage,
}

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How big recordings may be.
    pub limits: upload::Limits,
    /// Who may come in and for how long.
    pub auth: auth::AuthPolicy,
    /// How old a blob without a recording must be before it is removed. An upload may take half of that.
    pub orphan_grace: chrono::TimeDelta,
    /// For how long it is remembered what was deleted.
    pub retention: history::Retention,
    /// How long a client may be kept waiting for a change.
    pub wait: changes::WaitPolicy,
}

impl Policy {
    /// How long an upload may take: a blob must have its recording well before it could pass for an orphan.
    fn upload_patience(&self) -> chrono::TimeDelta {
        self.orphan_grace / 2
    }
}

impl Services {
    /// Wires every use case to `ports`.
    #[must_use]
    pub fn new(ports: &ports::Ports, policy: &Policy) -> Self {
        let waiters = changes::Waiters::default();
        let damage = damage::Damage::new(ports, waiters.clone());
        let patience = policy.upload_patience();
        Self {
            upload: upload::Upload::new(ports, waiters.clone(), damage.clone(), policy.limits, patience),
            direct: direct::Direct::new(ports, waiters.clone(), damage.clone(), policy.limits, patience),
            auth: auth::Auth::new(ports, policy.auth.clone()),
            list: list::List::new(ports, waiters.clone(), damage.clone(), policy.retention),
            playback: playback::Playback::new(ports),
            damage,
            changes: changes::Changes::new(ports, waiters, policy.wait),
            usage: usage::Usage::new(ports, policy.limits, policy.auth.most_sessions),
            readiness: readiness::Readiness::new(ports),
            sweep: sweep::Sweep::new(ports, policy.orphan_grace, policy.retention),
            lineage: lineage::Lineage::new(ports),
        }
    }
}
