//! A CRC-32 over the attributes of an item: a bit that turned over on its way or at rest is noticed when it is read.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{CHECKSUM, Item};

/// The checksum of all attributes but itself, in the order of their names; whatever attributes come later count, too.
pub fn of(item: &Item) -> u32 {
    let mut names: Vec<&String> = item.keys().filter(|name| *name != CHECKSUM).collect();
    names.sort_unstable();
    let mut bytes = Vec::with_capacity(1_024);
    for name in names {
        append(&mut bytes, b'n', name.as_bytes());
        match &item[name] {
            AttributeValue::S(text) => append(&mut bytes, b's', text.as_bytes()),
            AttributeValue::N(digits) => append(&mut bytes, b'd', digits.as_bytes()),
            AttributeValue::B(blob) => append(&mut bytes, b'b', blob.as_ref()),
            other => append(&mut bytes, b'o', format!("{other:?}").as_bytes()),
        }
    }
    crc32fast::hash(&bytes)
}

fn append(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(value);
}
