//! Email addresses that are still filed as they were before letter case was folded in full.
//!
//! A migration has filed anew all but those whose text another user has; see also `domain/src/auth/emails.rs`.

use std::collections::HashMap;

use rusqlite::{Connection, functions::FunctionFlags};
use tapebase_domain::{ports::StoreError, user::Email};

use super::Sqlite;
use crate::finding::{Finding, Outcome};

impl Sqlite {
    /// Looks whether each email address is one user's only.
    pub async fn diagnose(&self) -> Vec<Finding> {
        let outcome = match self.contested_addresses().await {
            Ok(contested) if contested.is_empty() => Outcome::AlreadyRight,
            Ok(contested) => Outcome::Failed(contested.join("; ")),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        vec![Finding { what: "every email address is one user's".to_owned(), outcome }]
    }

    async fn contested_addresses(&self) -> Result<Vec<String>, StoreError> {
        self.readers
            .read(|connection| {
                let mut statement = connection.prepare("SELECT subject, user FROM identities WHERE network = ''")?;
                let filed = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(contested(&filed.collect::<rusqlite::Result<_>>()?))
            })
            .await
    }
}

/// Lets SQL make of an address what it is filed under, as `email_address(…)`: of one that is none, itself.
pub fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("email_address", 1, flags, |context| {
        let text: String = context.get(0)?;
        Ok(Email::parse(&text).map(|email| email.as_str().to_owned()).unwrap_or(text))
    })
}

/// What to tell the operator of these addresses, with whose each is.
fn contested(filed: &HashMap<String, String>) -> Vec<String> {
    let mut said: Vec<_> = filed.iter().filter_map(|(address, user)| complain(filed, address, user)).collect();
    said.sort_unstable();
    said
}

fn complain(filed: &HashMap<String, String>, address: &str, user: &str) -> Option<String> {
    let (shown, email) = (address.escape_debug(), Email::parse(address).ok()?);
    let other = filed.get(email.as_str()).filter(|_| email.as_str() != address)?;
    let same = email.as_str().escape_debug();
    Some(format!("{shown} of user {user} is the same as {same} of user {other}: have one of them link another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_users_of_one_address_are_both_named() {
        let filed = [
            ("straße@example.com", "usr_a"),
            ("strasse@example.com", "usr_b"),
            ("große@example.com", "usr_c"),
            ("an\u{200b}n@example.com", "usr_d"),
            ("ann@example.com", "usr_e"),
        ];

        let said = contested(&filed.map(|(address, user)| (address.to_owned(), user.to_owned())).into());

        let [same] = &said[..] else { panic!("{said:?}") };
        assert!(
            same.contains("straße@example.com of user usr_a is the same as strasse@example.com of user usr_b"),
            "{same}"
        );
    }
}
