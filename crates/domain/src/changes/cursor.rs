//! Where in an owner's changes a client is, as opaque text.

use data_encoding::BASE64URL_NOPAD;

use crate::{
    digest::Sha256,
    history::{ChangeNumber, HistoryId},
    id::UserId,
};

/// The layout of a cursor's bytes.
const VERSION: u8 = 1;
/// How many bytes tell whether a cursor is whole, and its owner's.
const CHECK_BYTES: usize = 8;

/// The largest number that every store can be asked for.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// A place between two changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which history the numbers are of.
    pub history: HistoryId,
    /// Everything up to this number is known.
    pub after: ChangeNumber,
    /// Deletions up to this number need not be known: nothing was before the first page.
    pub no_deleted_up_to: ChangeNumber,
}

impl Place {
    /// Writes it as URL-safe text for `owner` alone.
    pub fn encode(&self, owner: UserId) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.history.to_bytes());
        bytes.extend(self.after.0.to_be_bytes());
        bytes.extend(self.no_deleted_up_to.0.to_be_bytes());
        bytes.extend(check(owner, &bytes));
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads what [`Self::encode`] wrote for `owner`; `None` for anything else.
    pub fn parse(text: &str, owner: UserId) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (content, sum) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        let (version, rest) = content.split_first()?;
        let (history, rest) = rest.split_first_chunk()?;
        let (after, rest) = rest.split_first_chunk()?;
        let no_deleted_up_to = rest.try_into().ok()?;
        let [after, no_deleted_up_to] = [*after, no_deleted_up_to].map(u64::from_be_bytes);
        let is_right = *version == VERSION && check(owner, content) == *sum && after.max(no_deleted_up_to) <= LARGEST;
        is_right.then(|| Self {
            history: HistoryId::from_bytes(*history),
            after: ChangeNumber(after),
            no_deleted_up_to: ChangeNumber(no_deleted_up_to),
        })
    }
}

/// Not a signature: whoever forges a cursor only misleads himself.
fn check(owner: UserId, content: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::of(&[owner.to_string().as_bytes(), content].concat()).0;
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_cursor_reads_back_for_its_owner_alone() {
        let [owner, other] = [0; 2].map(|_| UserId::generate(Timestamp::UNIX_EPOCH));
        let place =
            Place { history: HistoryId::generate(), after: ChangeNumber(7), no_deleted_up_to: ChangeNumber(LARGEST) };
        let text = place.encode(owner);

        assert_eq!(Place::parse(&text, owner), Some(place));
        assert_eq!(Place::parse(&text, other), None);
        let beyond = Place { after: ChangeNumber(LARGEST + 1), ..place }.encode(owner);
        assert_eq!(Place::parse(&beyond, owner), None);
        for position in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(Place::parse(std::str::from_utf8(&forged).expect("text"), owner), None, "{position}");
        }
        for other in ["", "A", "!", "회의", &text[1..], &format!("{text}A")] {
            assert_eq!(Place::parse(other, owner), None, "{other}");
        }
    }
}
