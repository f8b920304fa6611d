//! Keeps what the commands install in a folder outside the repository.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// What an installation that did not finish leaves behind.
const HALF_MADE: &str = "half-made-";

/// Something to be installed once and found from then on.
pub struct Installation<'a> {
    /// What it is, for whoever watches.
    pub title: &'a str,
    /// Its folder in the cache. It tells one version from another.
    pub name: String,
    /// False for one that was deleted in part, too.
    pub works: &'a dyn Fn(&Path) -> bool,
    /// Installs into a folder that is empty, and will be moved.
    pub make: &'a dyn Fn(&Path) -> Result<()>,
}

impl Installation<'_> {
    /// Where it is, made first if need be.
    pub fn find(&self) -> Result<PathBuf> {
        let cache = folder(|name| std::env::var_os(name)).context("none of XTASK_CACHE and HOME is set")?;
        self.find_in(&std::path::absolute(cache)?)
    }

    fn find_in(&self, cache: &Path) -> Result<PathBuf> {
        let home = cache.join(&self.name);
        if (self.works)(&home) {
            return Ok(home);
        }
        std::fs::create_dir_all(cache).with_context(|| format!("making {}", cache.display()))?;
        // Whoever comes at the same time waits here, and then finds it installed; closing the file unlocks it.
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;
        if !(self.works)(&home) {
            clear(cache)?;
            self.install(cache, &home).with_context(|| format!("installing {}", self.title))?;
        }
        Ok(home)
    }

    /// Installs under a temporary name, so that half of it is never found under the real one.
    fn install(&self, cache: &Path, home: &Path) -> Result<()> {
        // Standard output may be meant for a shell.
        eprintln!("installing {} into {}", self.title, home.display());
        let made = tempfile::Builder::new().prefix(HALF_MADE).tempdir_in(cache)?;
        (self.make)(made.path())?;
        ensure!((self.works)(made.path()), "it does not work after its installation");
        if home.exists() {
            std::fs::remove_dir_all(home).with_context(|| format!("removing {}", home.display()))?;
        }
        std::fs::rename(made.path(), home).with_context(|| format!("moving it to {}", home.display()))?;
        // Nothing is there any more that could be removed.
        let _ = made.keep();
        Ok(())
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The folder name of what is made out of `content`.
pub fn versioned(name: &str, content: &str) -> String {
    format!("{name}-{}", &sha256(content.as_bytes())[..16])
}

fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XTASK_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("tapebase")))
        .or_else(|| Some(set("HOME")?.join(".cache/tapebase")))
}

/// Removes what was interrupted. Whoever holds the lock knows that nobody is at it any more.
fn clear(cache: &Path) -> Result<()> {
    for entry in std::fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(HALF_MADE.as_bytes()) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        folder(|wanted| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.into()))
    }

    fn installation(make: &dyn Fn(&Path) -> Result<()>) -> Installation<'_> {
        Installation { title: "a thing", name: versioned("thing", "1"), works: &|home| home.join("it").exists(), make }
    }

    #[test]
    fn the_cache_is_where_the_nearest_variable_says() {
        let home = ("HOME", "/home/ada");
        let xdg = ("XDG_CACHE_HOME", "/var/cache/ada");
        let own = ("XTASK_CACHE", "/srv/cache");

        assert_eq!(folder_with(&[home, xdg, own]), Some("/srv/cache".into()));
        assert_eq!(folder_with(&[home, xdg]), Some("/var/cache/ada/tapebase".into()));
        assert_eq!(folder_with(&[home, ("XTASK_CACHE", "")]), Some("/home/ada/.cache/tapebase".into()));
        assert_eq!(folder_with(&[]), None);
    }

    #[test]
    fn what_works_is_not_installed_again() {
        let cache = tempfile::tempdir().unwrap();
        let first = installation(&|folder| Ok(std::fs::write(folder.join("it"), "")?)).find_in(cache.path()).unwrap();

        let second = installation(&|_| anyhow::bail!("once is enough")).find_in(cache.path()).unwrap();

        assert_eq!(first, second);
    }

    #[test]
    fn what_lost_a_part_is_installed_again() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::create_dir(cache.path().join(versioned("thing", "1"))).unwrap();

        let home = installation(&|folder| Ok(std::fs::write(folder.join("it"), "")?)).find_in(cache.path()).unwrap();

        assert!(home.join("it").exists());
    }

    #[test]
    fn an_installation_that_fails_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::create_dir(cache.path().join("half-made-before")).unwrap();

        let error = installation(&|_| anyhow::bail!("no network")).find_in(cache.path()).unwrap_err();

        assert_eq!(format!("{error:#}"), "installing a thing: no network");
        let left: Vec<_> = cache.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }
}
