//! The apps that upload, delete, and look at what is there.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::ledger::{Ledger, Sent};
use crate::client::{agent, sign_up, text};

/// Some share a pack, some have a file of their own, and some are next to the border between.
const SIZES: [usize; 10] =
    [700, 3 << 20, 4_000, 20_000, 64 << 10, 300 << 10, 200_000, 256 << 10, 1 << 20, (256 << 10) + 1];
/// Of so many uploads, one is followed by the delete of what the same app has sent before.
const UPLOADS_PER_DELETE: u64 = 4;

/// An account, and what is sent for it.
pub struct App {
    address: String,
    authorization: String,
    seed: u64,
    next: AtomicU64,
}

impl App {
    pub fn sign_up(address: &str, seed: u64) -> Result<Self> {
        let token = sign_up(address, "ann@example.com")?;
        Ok(Self { address: address.to_owned(), authorization: format!("Bearer {token}"), seed, next: 0.into() })
    }

    /// The same account on another server.
    pub fn reconnect(self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self }
    }

    /// Uploads, and deletes some of it again, until there is no answer any more.
    pub fn upload_until_refused(&self, ledger: &Mutex<Ledger>) -> Result<()> {
        let mut before: Option<Sent> = None;
        loop {
            let (number, sent) = self.next_one();
            let answer = self.upload(&sent);
            let mut noted = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            noted.uploaded(&sent, answer.is_ok());
            drop(noted);
            let Ok(status) = answer else { return Ok(()) };
            ensure!(status == 201, "an upload was answered with {status}");
            if number % UPLOADS_PER_DELETE == 0
                && let Some(before) = before.take()
            {
                let answer = self.delete(&before);
                ledger.lock().unwrap_or_else(PoisonError::into_inner).deleted(&before, answer.is_ok());
                let Ok(status) = answer else { return Ok(()) };
                ensure!(status == 204, "a delete was answered with {status}");
            }
            before = Some(sent);
        }
    }

    /// Shows that the server is as good as before.
    pub fn upload_and_delete_one_more(&self) -> Result<()> {
        let (_, sent) = self.next_one();
        ensure!(self.upload(&sent)? == 201, "nothing can be uploaded any more");
        ensure!(self.download(&sent.id)? == sent.audio(), "what was uploaded afterwards is another");
        ensure!(self.delete(&sent)? == 204, "nothing can be deleted any more");
        Ok(())
    }

    /// Every recording, with its digest.
    pub fn list(&self) -> Result<BTreeMap<String, String>> {
        let mut listed = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/recordings?limit=200{cursor}"))?;
            let page: Value = serde_json::from_slice(&page)?;
            for item in page["items"].as_array().context("there are no items")? {
                let id = text(item, "id")?;
                ensure!(listed.insert(id, text(item, "sha256")?).is_none(), "{item} is listed twice");
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(listed),
            }
        }
    }

    /// The bytes of a recording.
    pub fn download(&self, id: &str) -> Result<Vec<u8>> {
        self.get(&format!("/v1/recordings/{id}/audio"))
    }

    fn next_one(&self) -> (u64, Sent) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = String::from_utf8_lossy(&tapebase_load::id(self.seed, number)).into_owned();
        let size = SIZES[usize::try_from(number).unwrap_or_default() % SIZES.len()];
        (number, Sent { id, size })
    }

    fn upload(&self, sent: &Sent) -> Result<u16> {
        let request = agent().put(self.url(&sent.id)).header("authorization", &self.authorization);
        Ok(request.header("content-type", "audio/mp4").send(&sent.audio()[..])?.status().as_u16())
    }

    fn delete(&self, sent: &Sent) -> Result<u16> {
        Ok(agent().delete(self.url(&sent.id)).header("authorization", &self.authorization).call()?.status().as_u16())
    }

    fn url(&self, id: &str) -> String {
        format!("{}/v1/recordings/{id}", self.address)
    }

    fn get(&self, target: &str) -> Result<Vec<u8>> {
        let request = agent().get(format!("{}{target}", self.address)).header("authorization", &self.authorization);
        let mut response = request.call()?;
        if response.status() != 200 {
            bail!("{target} is answered with {}", response.status());
        }
        let mut bytes = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut bytes).with_context(|| format!("reading {target}"))?;
        Ok(bytes)
    }
}
