//! Tries what apps and browsers do: links, at the address that they have.

use std::time::Duration;

use tapebase_domain::{
    blob::BlobRef,
    digest::Sha256,
    pending::Parts,
    ports::{Presentation, PresignDownloads as _, PresignParts as _, PresignedRequest, StagedBlobs as _, causes},
};
use tokio::task::spawn_blocking;
use ureq::{
    Agent,
    http::{HeaderMap, Method, Request, StatusCode},
};

use super::{
    S3,
    doctor::nobody,
    setup::{Step, failed},
};
use crate::finding::Outcome;

/// How long a link is good for.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent.
const AUDIO: &[u8] = b"tapebase doctor";
/// Whose page sends it, where any may.
const ANY_ORIGIN: &str = "https://app.example.com";

impl S3 {
    /// Reads a blob that was written before.
    pub(super) async fn plays_by_link(&self, probe: &BlobRef) -> Step {
        let presentation =
            Presentation { content_type: "audio/mp4".to_owned(), content_disposition: "inline".to_owned() };
        let link = self.presign_download(probe, presentation, LIFETIME).await;
        let link = link.map_err(|error| failed(causes(&error)))?;
        require_success(ask(Method::GET, PresignedRequest { url: link, headers: Vec::new() }, b"").await?)
    }

    /// Sends a recording in one part, and before it what a browser asks.
    pub(super) async fn takes_parts_by_link(&self) -> Step {
        let (parts, of, sha256) = (Parts::of(AUDIO.len() as u64), nobody(), Sha256::of(AUDIO));
        let staged = self.begin(parts, &of, sha256).await.map_err(|error| failed(causes(&error)))?;
        let sent = async {
            let link = self.presign_part(&staged, parts, 1, &of, sha256, LIFETIME).await;
            let link = link.map_err(|error| failed(causes(&error)))?;
            require_success(ask(Method::PUT, link.clone(), AUDIO).await?)?;
            self.is_offered_to_pages(link).await
        };
        let sent = sent.await;
        self.abort(&staged).await.map_err(|error| failed(causes(&error)))?;
        sent
    }

    /// The preflight request of CORS (Fetch standard, section 3.3).
    async fn is_offered_to_pages(&self, link: PresignedRequest) -> Step {
        let origin = self.allowed_origins.first().map_or(ANY_ORIGIN, String::as_str);
        let asked = [("Origin", origin), ("Access-Control-Request-Method", "PUT")];
        let headers = asked.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let (status, headers) = ask(Method::OPTIONS, PresignedRequest { headers, ..link }, b"").await?;
        let allowed = headers.get("access-control-allow-origin").and_then(|allowed| allowed.to_str().ok());
        if status.is_success() && allowed.is_some_and(|allowed| allowed == "*" || allowed == origin) {
            return Ok(Outcome::AlreadyRight);
        }
        let reason = format!("apps may, but the page {origin} may not: a preflight is answered {status}");
        Ok(Outcome::Warning(format!("{reason}; see CORS above, and what stands in front of the store")))
    }
}

/// What a client is answered; that nobody answers here may be because clients are elsewhere.
async fn ask(method: Method, link: PresignedRequest, body: &'static [u8]) -> Result<(StatusCode, HeaderMap), Outcome> {
    let PresignedRequest { url, headers } = link;
    let request = headers
        .into_iter()
        .fold(Request::builder().method(method).uri(&url), |request, (name, value)| request.header(name, value));
    let request = request.body(body).map_err(|error| failed(causes(&error)))?;
    let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
    let answered = spawn_blocking(move || Agent::new_with_config(config).run(request)).await;
    match answered.map_err(|error| failed(causes(&error)))? {
        Ok(answer) => Ok((answer.status(), answer.headers().clone())),
        Err(error) => {
            let place = url.split('?').next().unwrap_or_default();
            Err(Outcome::Warning(format!("nobody answers at {place} from here: {}", causes(&error))))
        }
    }
}

fn require_success((status, _): (StatusCode, HeaderMap)) -> Step {
    if status.is_success() {
        return Ok(Outcome::AlreadyRight);
    }
    Err(failed(format!("the store answers {status}: see s3.public_endpoint, and what stands in front of the store")))
}
