//! What a blob in a file of its own is called, and where that leads.

use std::path::{Path, PathBuf};

use tapebase_domain::{
    blob::{BlobRef, Provenance},
    id::{RecordingId, UserId},
};

use super::place::Place;
use crate::blob_name;

/// A file's name: 32 random hexadecimal digits and whose the blob is, with dots between; files of the first version have
/// the digits alone.
#[derive(Debug, PartialEq, Eq)]
pub struct FileName {
    /// Whose the blob is, and that it has a trailer.
    pub provenance: Option<Provenance>,
    text: String,
}

impl FileName {
    /// The name of a blob that is the audio of `of`; `random` are digits that no blob has.
    pub fn new(random: &str, of: &Provenance) -> Self {
        Self { provenance: Some(of.clone()), text: format!("{random}.{}.{}", of.owner, of.recording) }
    }

    /// Reads a name, all of it: nothing else reaches a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (random, of) = text.split_once('.').map_or((text, None), |(random, of)| (random, Some(of)));
        let provenance = of.map(parse_provenance);
        if !blob_name::is_one(random) || provenance == Some(None) {
            return None;
        }
        Some(Self { provenance: provenance.flatten(), text: text.to_owned() })
    }

    /// Where the file is, below this folder.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join(&self.text[..2]).join(&self.text)
    }

    /// The reference to what is in it.
    pub fn to_ref(&self) -> BlobRef {
        BlobRef::new(self.text.clone())
    }
}

/// Reads `OWNER.RECORDING`, in the letter case it is written in.
fn parse_provenance(text: &str) -> Option<Provenance> {
    let (owner, recording) = text.split_once('.')?;
    let of = Provenance { owner: UserId::parse(owner).ok()?, recording: RecordingId::parse(recording).ok()? };
    (format!("{}.{}", of.owner, of.recording) == text).then_some(of)
}

/// Where a blob lies.
pub enum Location {
    /// In a file of its own.
    File(FileName),
    /// In a pack.
    Pack(Place),
}

impl Location {
    /// What a reference stands for, if it is one that is made here.
    pub fn parse(blob: &BlobRef) -> Option<Self> {
        let text = blob.as_str();
        FileName::parse(text).map(Self::File).or_else(|| Place::parse(text).map(Self::Pack))
    }

    /// Whether it stands for a place in a pack.
    pub fn is_in_pack(blob: &BlobRef) -> bool {
        Place::parse(blob.as_str()).is_some()
    }

    /// The file it is in, below this folder.
    pub fn path(&self, root: &Path) -> PathBuf {
        match self {
            Self::File(name) => name.path(root),
            Self::Pack(place) => root.join("packs").join(place.pack.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3a";
    const OWNER: &str = "01JD9Z8Q3NVX4T6M2K7C5B1ARE";

    #[test]
    fn a_name_is_read_back_and_says_whose_the_blob_is() {
        for id in ["01JD9Z8Q3NVX4T6M2K7C5B1ARF", "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e"] {
            let owner = UserId::parse(OWNER).expect("a ULID");
            let of = Provenance { owner, recording: RecordingId::parse(id).expect("an id") };

            let name = FileName::new(RANDOM, &of);

            assert_eq!(name.provenance, Some(of));
            assert!(name.text.ends_with(&format!(".{OWNER}.{id}")), "{name:?}");
            assert!(matches!(Location::parse(&name.to_ref()), Some(Location::File(read)) if read == name));
        }
        let old = FileName::parse(RANDOM).expect("a name of the first version");
        assert_eq!((old.provenance, old.text.as_str()), (None, RANDOM));
    }

    #[test]
    fn what_is_no_name_leads_nowhere() {
        let ulid = "01JD9Z8Q3NVX4T6M2K7C5B1ARF";
        for text in [
            String::new(),
            format!("{RANDOM}."),
            format!("{RANDOM}.{OWNER}"),
            format!("{RANDOM}.{OWNER}."),
            format!("{RANDOM}.{OWNER}.{ulid}."),
            format!("{RANDOM}.{OWNER}.{ulid}/../../x"),
            format!("{RANDOM}.{OWNER}.../../../../../../../../../etc"),
            format!("{RANDOM}.{}.{ulid}", OWNER.to_lowercase()),
            format!("{RANDOM}.{OWNER}.{}", ulid.to_lowercase()),
            format!("{}.{OWNER}.{ulid}", RANDOM.to_uppercase()),
            format!("../{RANDOM}.{OWNER}.{ulid}"),
            format!("{RANDOM}.{OWNER}.0192F0C1-7C7E-7B3A-9D55-3F1C2B4A5D6E"),
        ] {
            assert!(Location::parse(&BlobRef::new(text.clone())).is_none(), "{text}");
        }
    }
}
