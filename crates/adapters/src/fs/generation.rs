//! Which generation the blobs are of.

use std::{fs, io, path::Path};

use tapebase_domain::lineage::{Generation, Step};

use super::folder;

/// The file that says so.
const GENERATION: &str = "GENERATION";

/// What it says, if it is there.
pub fn read(root: &Path) -> io::Result<Option<Generation>> {
    let text = match fs::read_to_string(root.join(GENERATION)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    Generation::parse(text.trim()).map(Some).map_err(|error| io::Error::other(format!("blobs/{GENERATION}: {error}")))
}

/// Goes on to another generation from that where the step begins; `false` if the blobs are elsewhere.
pub fn step(root: &Path, step: Step) -> io::Result<bool> {
    let _lock = folder::lock(root)?;
    let found = read(root)?;
    if found == step.from {
        folder::replace(root, GENERATION, &format!("{}\n", step.to))?;
        return Ok(true);
    }
    Ok(found == Some(step.to))
}
