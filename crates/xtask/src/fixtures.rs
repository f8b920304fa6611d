//! `cargo xtask fixtures`: makes small recordings of speech as phones, browsers and dictaphones would.

mod probe;
mod readme;
mod recipes;
mod webm;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::program::{self, Program};
use crate::workspace;
use recipes::{ENCODERS, RECIPES, Recipe};

const ESPEAK: Program = Program { name: "espeak-ng", packages: "espeak-ng" };
// Debian's AMR encoder is in libavcodec-extra only.
const FFMPEG: Program = Program { name: "ffmpeg", packages: "ffmpeg libavcodec-extra" };
const FFPROBE: Program = Program { name: "ffprobe", packages: "ffmpeg" };

/// More than this has no place in a repository.
const MAX_BYTES: u64 = 100_000;

/// Makes every recording, checks it, and writes the table of what they are.
pub fn run() -> Result<()> {
    require_encoders()?;
    let folder = folder();
    std::fs::create_dir_all(&folder)?;
    let scratch = tempfile::tempdir()?;
    let speech = scratch.path().join("speech.wav");
    speak(&speech)?;
    for recipe in RECIPES {
        let file = folder.join(recipe.file);
        make(recipe, &speech, &file).with_context(|| format!("making {}", recipe.file))?;
        println!("{}", file.display());
    }
    std::fs::write(folder.join("README.md"), readme::text())?;
    Ok(())
}

fn folder() -> PathBuf {
    workspace::path("crates/conformance/fixtures")
}

fn require_encoders() -> Result<()> {
    let output = program::read(FFMPEG.command()?.args(["-loglevel", "error", "-encoders"]))?;
    let known = String::from_utf8_lossy(&output).into_owned();
    for encoder in ENCODERS {
        let found = known.lines().any(|line| line.split_whitespace().nth(1) == Some(encoder));
        ensure!(found, FFMPEG.lacking(&format!("has no encoder {encoder}")));
    }
    Ok(())
}

fn speak(file: &Path) -> Result<()> {
    program::succeed(ESPEAK.command()?.args(["-v", recipes::VOICE, recipes::SENTENCE, "-w"]).arg(file))
}

fn make(recipe: &Recipe, speech: &Path, file: &Path) -> Result<()> {
    let mut command = FFMPEG.command()?;
    command.args(["-nostdin", "-loglevel", "error", "-y", "-i"]).arg(speech);
    command.args(recipes::COMMON.split(' ')).args(recipe.options.split(' ')).arg(file);
    program::succeed(&mut command)?;
    if recipe.live {
        let recorded = std::fs::read(file)?;
        std::fs::write(file, webm::with_unknown_cluster_sizes(recorded)?)?;
    }
    let size = std::fs::metadata(file)?.len();
    ensure!(size <= MAX_BYTES, "{size} bytes are too many for a fixture");
    probe::check(recipe, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_what_the_recipes_make() {
        let written = std::fs::read_to_string(folder().join("README.md")).unwrap();

        assert_eq!(written, readme::text(), "run `cargo xtask fixtures`");
    }

    #[test]
    fn every_recording_is_there_and_small() {
        for recipe in RECIPES {
            let size = std::fs::metadata(folder().join(recipe.file)).expect(recipe.file).len();

            assert!((1..=MAX_BYTES).contains(&size), "{} has {size} bytes", recipe.file);
        }
    }
}
