//! A copy of the database, as it is at one moment, while it is written to.

use std::{io, path::Path};

use tapebase_domain::{
    id::StoreId,
    ports::{BoxError, Clock as _, SystemClock},
};

use super::{Sqlite, feed, generations, open_connection, rows};

impl Sqlite {
    /// Copies all that is committed now into a new database at `path`, which gets an id of its own, for what belongs
    /// to the one must never pass for what belongs to the other; and a history of its own, for it may be served.
    ///
    /// # Errors
    /// If either cannot be read or written, or there is something at `path`.
    pub async fn copy_to(&self, path: &Path) -> Result<(), BoxError> {
        let path = std::path::absolute(path)?;
        let text = path.to_str().ok_or_else(|| io::Error::other("the path is not text"))?.to_owned();
        self.readers.read(move |connection| connection.execute("VACUUM INTO ?1", [text])).await?;
        let fresh = StoreId::generate(SystemClock.now()).to_string();
        let copy = open_connection(&path)?;
        copy.execute(rows::SET_STORE_ID, [fresh])?;
        feed::renew_history(&copy)?;
        generations::forget(&copy)?;
        // It signs no link that counts here, nor the other way round; a copy that is stolen tells no key either.
        copy.pragma_update(None, "secure_delete", true)?;
        copy.execute("DELETE FROM playback_keys", [])?;
        Ok(())
    }
}
