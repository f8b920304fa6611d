//! Mail, which comes at once where it comes at all.

use async_trait::async_trait;
use tapebase_domain::{
    mail::Mail,
    ports::{MailError, Mailer, StoreError},
};

use super::Reached;

#[async_trait]
impl Mailer for Reached {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let sending = async {
            self.stores.deliver(mail);
            Ok::<_, StoreError>(())
        };
        self.gate.call("mailer.send", sending).await.map_err(|error| MailError::Unavailable(error.into()))
    }
}
