//! A client of servers on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Makes an account of Tapebase and returns its access token.
pub fn sign_up(address: &str, email: &str) -> Result<String> {
    let account = json!({ "email": email, "password": "an account that lasts as long as a run" });
    let grant = post(&format!("{address}/v1/auth/signup"), None, &account)?;
    text(&grant, "access_token")
}

/// Sends JSON as whoever has this token, and returns the JSON that is answered.
pub fn post(url: &str, token: Option<&str>, content: &Value) -> Result<Value> {
    let mut request = agent().post(url).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let mut response = request.send(content.to_string())?;
    let answer = response.body_mut().read_to_string()?;
    ensure!(response.status().is_success(), "the server answers {}: {answer}", response.status());
    Ok(serde_json::from_str(&answer)?)
}

/// Writes the description of the API that this server gives into a folder.
pub fn save_description(address: &str, folder: &Path) -> Result<PathBuf> {
    let file = folder.join("openapi.json");
    std::fs::write(&file, agent().get(format!("{address}/openapi.json")).call()?.body_mut().read_to_vec()?)?;
    Ok(file)
}

/// A member of an answer that is a text.
pub fn text(answer: &Value, member: &str) -> Result<String> {
    let text = answer[member].as_str().with_context(|| format!("there is no {member} in the answer"))?;
    Ok(text.to_owned())
}

/// A proxy of the environment is no way to this machine.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().proxy(None).http_status_as_error(false).build().into()
}
