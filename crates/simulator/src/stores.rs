//! The stores of a history, which all servers share, and a ledger of what becomes of their audio.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::FutureExt as _;
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, UserId},
    mail::{Mail, MailedCode, Message},
    page::{Limit, PageRequest, Position},
    ports::{BlobError, Ports, PresignedRequest, StoreError},
    recording::Recording,
    time::Timestamp,
    user::Email,
};

#[cfg(feature = "embedded")]
use crate::real::Real;
use crate::{dice::Dice, in_memory::InMemory, ledger::Ledger, time::Time};

/// What keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Memory: fast, and the same each time.
    Memory,
    /// A disk and SQLite, as the server has it; no history is the same twice.
    #[cfg(feature = "embedded")]
    Embedded,
    /// Engines like S3 and DynamoDB; no history is the same twice.
    #[cfg(feature = "aws")]
    Aws,
}

/// Rows and audio.
#[derive(Clone)]
pub struct Stores {
    ports: Arc<Mutex<Ports>>,
    /// Where they can be copied and put back.
    memory: Arc<Mutex<Option<InMemory>>>,
    #[cfg(feature = "embedded")]
    real: Option<Arc<Real>>,
    ledger: Arc<Mutex<Ledger>>,
    /// The code of the last mail to each address.
    codes: Arc<Mutex<BTreeMap<String, MailedCode>>>,
}

impl Stores {
    /// Empty ones.
    ///
    /// # Errors
    /// If they cannot be opened.
    pub fn open(kind: Kind, time: &Time) -> anyhow::Result<Self> {
        match kind {
            Kind::Memory => {
                let memory = InMemory::new(time);
                Ok(Self {
                    ports: Arc::new(Mutex::new(memory.ports())),
                    memory: Arc::new(Mutex::new(Some(memory))),
                    #[cfg(feature = "embedded")]
                    real: None,
                    ledger: Arc::default(),
                    codes: Arc::default(),
                })
            }
            #[cfg(feature = "embedded")]
            Kind::Embedded => Ok(Self::from(Real::on_disk()?)),
            #[cfg(feature = "aws")]
            Kind::Aws => Ok(Self::from(Real::on_aws()?)),
        }
    }

    /// The stores themselves: nothing goes wrong on this way.
    #[must_use]
    pub fn inner(&self) -> Ports {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has become of the audio.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a mail.
    pub fn deliver(&self, mail: Mail) {
        if let Message::ResetPassword(code) | Message::VerifyEmail(code) | Message::Invitation(code) = mail.message {
            let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
            codes.insert(mail.to.as_str().to_owned(), code);
        }
    }

    /// What was last mailed to an address.
    #[must_use]
    pub fn code_mailed_to(&self, email: &Email) -> Option<MailedCode> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).get(email.as_str()).cloned()
    }

    /// Has the ledger know if a recording is gone.
    pub fn look_for(&self, owner: UserId, id: &RecordingId) {
        self.settle();
        if let Ok(None) = self.wait_for(self.inner().records.find(owner, id)) {
            self.ledger().lose(owner, id);
        }
    }

    /// Does something in what the stores run in.
    pub fn run_in<T>(&self, work: impl FnOnce() -> T) -> T {
        #[cfg(feature = "embedded")]
        let _guard = self.real.as_ref().map(|real| real.enter());
        work()
    }

    /// Waits for something that needs the stores alone.
    ///
    /// # Panics
    /// If it needs anything else.
    #[expect(clippy::expect_used, reason = "memory never has anybody wait")]
    pub fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        #[cfg(feature = "embedded")]
        if let Some(real) = &self.real {
            return real.block_on(future);
        }
        future.now_or_never().expect("memory never has anybody wait")
    }

    /// Returns once all has happened in the stores that was begun.
    pub fn settle(&self) {
        #[cfg(feature = "embedded")]
        if let Some(real) = &self.real {
            real.settle(&self.inner());
        }
    }

    /// The stores, if they can be copied.
    #[must_use]
    pub fn in_memory(&self) -> Option<InMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Long enough has passed for what was deleted to be gone for good.
    pub fn sync(&self) {
        if let Some(memory) = self.in_memory() {
            self.wait_for(memory.sync());
        }
    }

    /// What need not survive a power cut does not.
    pub fn lose_power(&self, dice: &mut Dice) {
        if let Some(memory) = self.in_memory() {
            self.wait_for(memory.lose_power(dice));
        }
    }

    /// From now on these are the stores: rows, and audio that may be newer or older.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn put_back(&self, memory: InMemory) -> anyhow::Result<()> {
        let ports = memory.ports();
        let blobs = ports.blobs.clone();
        *self.ports.lock().unwrap_or_else(PoisonError::into_inner) = ports;
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(memory);
        for recording in self.recordings().await? {
            let is_there = blobs.describe(&recording.blob).await?.is_some();
            self.ledger().put_back(&recording, is_there);
        }
        Ok(())
    }

    /// All recordings there are.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn recordings(&self) -> Result<Vec<Recording>, StoreError> {
        let (records, mut all) = (self.inner().records, Vec::new());
        for owner in self.users() {
            let mut page = PageRequest { limit: Limit::MAX, ..PageRequest::default() };
            loop {
                let some = records.list(owner, page.clone()).await?;
                let Some(last) = some.last() else { break };
                page.after = Some(Position { time: page.by.of(last), id: last.id.clone() });
                all.extend(some);
            }
        }
        Ok(all)
    }

    /// Everybody who ever signed up, or tried to.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        self.ledger().users()
    }

    /// Sends a part past the servers, as a client does who has a link.
    ///
    /// # Errors
    /// If the store does not take it.
    pub fn send(request: &PresignedRequest, audio: &[u8]) -> anyhow::Result<()> {
        #[cfg(feature = "aws")]
        return crate::real::send(request, audio);
        #[cfg(not(feature = "aws"))]
        anyhow::bail!("no store here has links: {} bytes for {}", audio.len(), request.url)
    }

    /// All audio there is, of which the ledger hears so.
    ///
    /// # Errors
    /// If it cannot be listed.
    pub async fn audio(&self, now: Timestamp) -> Result<Vec<BlobRef>, BlobError> {
        let (blobs, mut all) = (self.inner().blobs, Vec::new());
        loop {
            let some = blobs.list(all.last().cloned()).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some.into_iter().map(|entry| self.ledger().dated(entry, now).blob));
        }
    }
}

#[cfg(feature = "embedded")]
impl From<(Real, Ports)> for Stores {
    fn from((real, ports): (Real, Ports)) -> Self {
        Self {
            ports: Arc::new(Mutex::new(ports)),
            memory: Arc::default(),
            real: Some(Arc::new(real)),
            ledger: Arc::default(),
            codes: Arc::default(),
        }
    }
}
