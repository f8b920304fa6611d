//! Where a blob lies in a pack, and which version of the layout the pack has.

use std::fmt;

use tapebase_domain::blob::BlobRef;

use super::entry::BLOCK_BYTES;

/// How the entries of a pack are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Headers say nothing of whose the blob is, and have no checksums. Read, but not written any more.
    First,
    /// Headers say whose the blob is, and have checksums.
    Second,
}

/// A pack, by a random number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId {
    /// Its number.
    pub number: u64,
    /// How it is laid out: part of its name, so that whoever has a reference knows how to read.
    pub version: Version,
}

/// Where an entry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which pack.
    pub pack: PackId,
    /// How many bytes from its beginning.
    pub offset: u64,
}

impl Version {
    /// How many bytes stand before those of a blob.
    pub const fn header_size(self) -> usize {
        match self {
            Self::First => 96,
            Self::Second => 128,
        }
    }

    /// What a pack's name ends with.
    const fn ending(self) -> &'static str {
        match self {
            Self::First => "",
            Self::Second => ".v2",
        }
    }
}

impl Place {
    /// The place a reference stands for: the pack's name, and 8 hexadecimal digits for where in it.
    pub fn parse(text: &str) -> Option<Self> {
        let (pack, offset) = text.split_once('-')?;
        let offset = u64::from(u32::from_str_radix(offset, 16).ok()?);
        let place = Self { pack: PackId::parse(pack)?, offset };
        (place.to_string() == text && place.offset.is_multiple_of(BLOCK_BYTES)).then_some(place)
    }

    /// The reference to what is here.
    pub fn to_ref(self) -> BlobRef {
        BlobRef::new(self.to_string())
    }

    /// Where the bytes of the blob begin.
    pub const fn audio(self) -> u64 {
        self.offset + self.pack.version.header_size() as u64
    }
}

impl PackId {
    /// Reads a pack's name: 16 hexadecimal digits in lower case, and the version, but for the first.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, version) = match text.strip_suffix(Version::Second.ending()) {
            Some(number) => (number, Version::Second),
            None => (text, Version::First),
        };
        let id = Self { number: u64::from_str_radix(number, 16).ok()?, version };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{}", self.number, self.version.ending())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{:08x}", self.pack, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_from_its_reference() {
        for (version, text) in
            [(Version::First, "0000000000007f3a-00003000"), (Version::Second, "0000000000007f3a.v2-00003000")]
        {
            let place = Place { pack: PackId { number: 0x7f3a, version }, offset: 3 * BLOCK_BYTES };

            assert_eq!(place.to_string(), text);
            assert_eq!(Place::parse(text), Some(place));
        }
        for other in [
            "",
            "-",
            "7f3a-00003000",
            "0000000000007F3A-00003000",
            "0000000000007f3a-00003001",
            "0000000000007f3a-3000",
            "0000000000007f3a.v1-00003000",
            "0000000000007f3a.v3-00003000",
            "0000000000007f3a.v2.v2-00003000",
            "0000000000007f3a.V2-00003000",
            "../000000007f3a.v2-00003000",
        ] {
            assert_eq!(Place::parse(other), None, "{other}");
        }
    }
}
