//! A CRC-32 over the columns of a row: a bit that a disk or memory has turned over is noticed when the row is read.

use std::cell::RefCell;

use rusqlite::{
    Connection,
    functions::FunctionFlags,
    types::{ToSqlOutput, ValueRef},
};

use super::broken;

/// How long a row usually is at most.
const USUAL_BYTES: usize = 512;

/// The checksum of these values, in the order of their columns. What is null adds nothing, so that a column that is
/// added to a table leaves the checksums of its rows as they were.
pub fn of<'v>(values: impl Iterator<Item = ValueRef<'v>>) -> u32 {
    thread_local! {
        static BYTES: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(USUAL_BYTES));
    }
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        write(bytes, values);
        crc32fast::hash(bytes)
    })
}

fn write<'v>(bytes: &mut Vec<u8>, values: impl Iterator<Item = ValueRef<'v>>) {
    for (place, value) in (0_u8..).zip(values) {
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(number) => {
                bytes.extend_from_slice(&[place, b'i']);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                bytes.extend_from_slice(&[place, b'r']);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            ValueRef::Text(text) => append(bytes, [place, b't'], text),
            ValueRef::Blob(blob) => append(bytes, [place, b'b'], blob),
        }
    }
}

fn append(bytes: &mut Vec<u8>, head: [u8; 2], value: &[u8]) {
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}

/// What a bound value is in a row.
pub fn value<'v>(bound: &'v ToSqlOutput<'_>) -> ValueRef<'v> {
    match bound {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => value.into(),
        _ => ValueRef::Null,
    }
}

/// Fails unless the last of these values is the checksum of those before it.
pub fn verify(values: &[ValueRef<'_>]) -> rusqlite::Result<()> {
    match values.split_last() {
        Some((ValueRef::Integer(checksum), others)) if *checksum == i64::from(of(others.iter().copied())) => Ok(()),
        _ => Err(broken(values.len().saturating_sub(1), "the row is damaged: its checksum is another")),
    }
}

/// Lets SQL compute the checksum of its arguments, as `row_checksum(…)`.
pub fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("row_checksum", -1, flags, |context| {
        Ok(i64::from(of((0..context.len()).map(|place| context.get_raw(place)))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_null_adds_nothing_and_everything_else_counts() {
        let row = [ValueRef::Text(b"ab"), ValueRef::Integer(7), ValueRef::Blob(b"c")];
        let whole = of(row.into_iter());

        assert_eq!(of(row.into_iter().chain([ValueRef::Null, ValueRef::Null])), whole);
        for other in [
            [ValueRef::Text(b"a"), ValueRef::Integer(7), ValueRef::Blob(b"bc")],
            [ValueRef::Blob(b"ab"), ValueRef::Integer(7), ValueRef::Blob(b"c")],
            [ValueRef::Text(b"ab"), ValueRef::Null, ValueRef::Integer(7)],
            [ValueRef::Text(b"ab"), ValueRef::Integer(-7), ValueRef::Blob(b"c")],
        ] {
            assert_ne!(of(other.into_iter()), whole);
        }
    }

    #[test]
    fn sql_computes_the_same() {
        let connection = Connection::open_in_memory().expect("opened");
        add_function(&connection).expect("added");

        let computed: i64 =
            connection.query_row("SELECT row_checksum('ab', 7, NULL, x'63')", [], |row| row.get(0)).expect("computed");

        let row = [ValueRef::Text(b"ab"), ValueRef::Integer(7), ValueRef::Null, ValueRef::Blob(b"c")];
        assert_eq!(computed, i64::from(of(row.into_iter())));
    }
}
