//! Values of SQLite, as they are bound and read: texts, numbers, times, digests.

use chrono::{DateTime, FixedOffset};
use rusqlite::{
    Row,
    types::{ToSqlOutput, Type, Value, ValueRef},
};
use tapebase_domain::{digest::Sha256, ports::BoxError, time::Timestamp};

pub fn micros<Z: chrono::TimeZone>(time: &DateTime<Z>) -> i64 {
    time.timestamp_micros()
}

pub fn text(value: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes()))
}

/// What is larger than SQLite's integers is none that anybody has stored.
pub fn number(value: u64) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
}

pub fn optional_number(value: Option<u32>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(value.into())
}

pub fn time_value<Z: chrono::TimeZone>(time: &DateTime<Z>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Integer(micros(time)))
}

pub fn optional_time_value(time: Option<Timestamp>) -> ToSqlOutput<'static> {
    time.map_or(ToSqlOutput::Owned(Value::Null), |time| time_value(&time))
}

pub fn offset(time: &DateTime<FixedOffset>) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Value::Integer(time.offset().local_minus_utc().into()))
}

/// A value of a row that was read.
#[derive(Clone, Copy)]
pub struct Column<'r> {
    pub place: usize,
    pub value: ValueRef<'r>,
}

impl<'r> Column<'r> {
    pub fn of(row: &'r Row<'_>, place: usize) -> rusqlite::Result<Self> {
        Ok(Self { place, value: row.get_ref(place)? })
    }

    pub fn text(self) -> rusqlite::Result<&'r str> {
        self.value.as_str().map_err(|error| broken(self.place, error))
    }

    pub fn number<T: TryFrom<i64, Error: Into<BoxError>>>(self) -> rusqlite::Result<T> {
        let number = self.value.as_i64().map_err(|error| broken(self.place, error))?;
        number.try_into().map_err(|error| broken(self.place, error))
    }

    pub fn digest(self) -> rusqlite::Result<Sha256> {
        let bytes = self.value.as_blob().map_err(|error| broken(self.place, error))?;
        Sha256::from_slice(bytes).ok_or_else(|| broken(self.place, "not a digest"))
    }

    pub fn time(self) -> rusqlite::Result<Timestamp> {
        DateTime::from_timestamp_micros(self.number()?).ok_or_else(|| broken(self.place, "not a time"))
    }

    /// On the clock that is as far east of UTC as `offset` says.
    pub fn local_time(self, offset: Self) -> rusqlite::Result<DateTime<FixedOffset>> {
        let zone = FixedOffset::east_opt(offset.number()?).ok_or_else(|| broken(offset.place, "not an offset"))?;
        Ok(self.time()?.with_timezone(&zone))
    }

    pub fn optional<T>(self, read: impl FnOnce(Self) -> rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
        if self.value == ValueRef::Null { Ok(None) } else { read(self).map(Some) }
    }

    pub fn parsed<T, E: Into<BoxError>>(self, parse: impl FnOnce(&str) -> Result<T, E>) -> rusqlite::Result<T> {
        parse(self.text()?).map_err(|error| broken(self.place, error))
    }
}

pub fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Sha256> {
    Column::of(row, column)?.digest()
}

pub fn local_time(row: &Row<'_>, column: usize, offset_column: usize) -> rusqlite::Result<DateTime<FixedOffset>> {
    Column::of(row, column)?.local_time(Column::of(row, offset_column)?)
}

pub fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Column::of(row, column)?.time()
}

pub fn parsed<T, E: Into<BoxError>>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    Column::of(row, column)?.parsed(parse)
}

pub fn broken(column: usize, error: impl Into<BoxError>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
