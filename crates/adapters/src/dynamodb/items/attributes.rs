//! Attributes to plain values and back.

use std::{fmt::Display, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use chrono::{DateTime, FixedOffset};
use tapebase_domain::{
    digest::Sha256,
    ports::{BoxError, StoreError},
    time::Timestamp,
};

use super::Item;

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn binary(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub fn micros(time: Timestamp) -> AttributeValue {
    number(time.timestamp_micros())
}

/// An item on its way to being a domain type; each attribute that does not fit is an error with its name.
#[derive(Clone, Copy)]
pub struct Attributes<'a>(pub &'a Item);

impl<'a> Attributes<'a> {
    pub fn text(self, name: &'static str) -> Result<&'a str, StoreError> {
        self.value(name)?.as_s().map(String::as_str).map_err(|_| unfit(name, "text"))
    }

    pub fn optional_text(self, name: &'static str) -> Result<Option<&'a str>, StoreError> {
        if self.0.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    pub fn number<T: FromStr>(self, name: &'static str) -> Result<T, StoreError> {
        let digits = self.value(name)?.as_n().map_err(|_| unfit(name, "a number"))?;
        digits.parse().map_err(|_| unfit(name, "a number of this kind"))
    }

    pub fn optional_number<T: FromStr>(self, name: &'static str) -> Result<Option<T>, StoreError> {
        if self.0.contains_key(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    pub fn flag(self, name: &'static str) -> Result<bool, StoreError> {
        self.value(name)?.as_bool().copied().map_err(|_| unfit(name, "a truth value"))
    }

    /// A list of items, if there is one.
    pub fn optional_items(
        self,
        name: &'static str,
    ) -> Result<Option<impl Iterator<Item = Result<&'a Item, StoreError>>>, StoreError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let list = value.as_l().map_err(|_| unfit(name, "a list"))?;
        Ok(Some(list.iter().map(move |item| item.as_m().map_err(|_| unfit(name, "a list of items")))))
    }

    pub fn digest(self, name: &'static str) -> Result<Sha256, StoreError> {
        let bytes = self.value(name)?.as_b().map_err(|_| unfit(name, "binary"))?;
        Sha256::from_slice(bytes.as_ref()).ok_or_else(|| unfit(name, "of 32 bytes"))
    }

    pub fn time(self, name: &'static str) -> Result<Timestamp, StoreError> {
        Timestamp::from_timestamp_micros(self.number(name)?).ok_or_else(|| unfit(name, "a time"))
    }

    pub fn optional_time(self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        if self.0.contains_key(name) { self.time(name).map(Some) } else { Ok(None) }
    }

    pub fn local_time(self, name: &'static str, offset: &'static str) -> Result<DateTime<FixedOffset>, StoreError> {
        let zone = FixedOffset::east_opt(self.number(offset)?).ok_or_else(|| unfit(offset, "an offset"))?;
        Ok(self.time(name)?.with_timezone(&zone))
    }

    pub fn parsed<T, E: Into<BoxError>>(
        self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.text(name)?).map_err(|error| broken(name, error))
    }

    /// Parses what comes after `prefix` in a key.
    pub fn parsed_after<T, E: Into<BoxError>>(
        self,
        name: &'static str,
        prefix: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let rest = self.text(name)?.strip_prefix(prefix).ok_or_else(|| unfit(name, "a key of this kind"))?;
        parse(rest).map_err(|error| broken(name, error))
    }

    fn value(self, name: &'static str) -> Result<&'a AttributeValue, StoreError> {
        self.0.get(name).ok_or_else(|| StoreError::Unavailable(format!("attribute `{name}` is missing").into()))
    }
}

pub fn broken(name: &'static str, error: impl Into<BoxError>) -> StoreError {
    StoreError::Unavailable(format!("attribute `{name}`: {}", error.into()).into())
}

fn unfit(name: &'static str, expected: &str) -> StoreError {
    StoreError::Unavailable(format!("attribute `{name}` is not {expected}").into())
}
