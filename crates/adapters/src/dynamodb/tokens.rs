//! `TokenStore` in DynamoDB: two items for each token, one in one of the hundred places that its user has, and one that it
//! finds. The table forgets by itself what has expired.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tapebase_domain::{
    api_token::ApiToken,
    id::{ApiTokenId, UserId},
    ports::{StoreError, TokenStore},
    session::TokenHash,
    time::Timestamp,
};

use super::{
    DynamoDb,
    errors::Backoff,
    items::{self, Item, micros, text},
    keys, query,
};

#[async_trait]
impl TokenStore for DynamoDb {
    async fn add_token(&self, token: ApiToken, hash: TokenHash) -> Result<bool, StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let there = query::all(self.tokens_of(token.user)).await?;
            let at = |place| {
                let key = keys::api_token_place(token.user, place);
                there.iter().find(|item| item.get("sk") == key.get("sk"))
            };
            let is_free = |place: &usize| at(*place).is_none_or(|item| has_expired(item, token.created_at));
            let Some(place) = (0..ApiToken::MOST).find(is_free) else { return Ok(false) };
            let mut add = self.transaction();
            let values = Item::from([(":now".to_owned(), micros(token.created_at))]);
            let condition = "attribute_not_exists(pk) OR expires_at <= :now";
            add.replace(items::of_api_token_place(&token, hash, place), condition, values)?;
            add.add(items::of_api_token(&token, hash))?;
            // What has expired there is found by nobody, and says whose it was.
            if let Some(displaced) = at(place) {
                add.clear(keys::api_token(items::token(displaced)?))?;
            }
            match add.commit().await? {
                Ok(()) => return Ok(true),
                Err(refusal) if refusal.action == 0 => backoff.wait("tokens come and go all the time").await?,
                Err(_) => return Err(StoreError::Unavailable("another token has this hash".into())),
            }
        }
    }

    async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, StoreError> {
        let item = self.get(keys::api_token(hash)).await?;
        // One that is damaged opens nothing.
        Ok(query::readable(item.as_ref().map(items::api_token).transpose()).flatten())
    }

    async fn tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiToken>, StoreError> {
        let items = query::all(self.tokens_of(user)).await?;
        let readable = items.iter().filter_map(|item| query::readable(items::api_token(item)));
        let mut found: Vec<_> = readable.filter(|token| token.expires_at > now).collect();
        found.sort_by_key(|token| std::cmp::Reverse(token.id));
        Ok(found)
    }

    async fn touch_token(&self, user: UserId, id: ApiTokenId, last_used_at: Timestamp) -> Result<(), StoreError> {
        let Some(item) = self.find_token(user, id).await? else { return Ok(()) };
        let mut touch = self.transaction();
        for key in [keys::of(&item), keys::api_token(items::token(&item)?)] {
            let values = Item::from([
                (":last_used_at".to_owned(), micros(last_used_at)),
                (":id".to_owned(), text(id.to_string())),
            ]);
            touch.change_if(key, "SET last_used_at = :last_used_at", "id = :id", &[], values)?;
        }
        // Refused, it was revoked meanwhile.
        let _ = touch.commit().await?;
        Ok(())
    }

    async fn revoke_token(&self, user: UserId, id: ApiTokenId) -> Result<bool, StoreError> {
        match self.find_token(user, id).await? {
            Some(item) => self.end_token(&item).await,
            None => Ok(false),
        }
    }

    async fn revoke_tokens(&self, user: UserId) -> Result<(), StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let items = query::all(self.tokens_of(user)).await?;
            if items.is_empty() {
                return Ok(());
            }
            let mut are_gone = true;
            for item in &items {
                are_gone &= self.end_token(item).await?;
            }
            if !are_gone {
                backoff.wait("tokens come and go all the time").await?;
            }
        }
    }

    async fn forget_tokens(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }
}

impl DynamoDb {
    fn tokens_of(&self, user: UserId) -> QueryFluentBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :user AND begins_with(sk, :token)")
            .expression_attribute_values(":user", text(keys::of_user(user)))
            .expression_attribute_values(":token", text(keys::API_TOKEN))
    }

    async fn find_token(&self, user: UserId, id: ApiTokenId) -> Result<Option<Item>, StoreError> {
        let items = query::all(self.tokens_of(user)).await?;
        let is_meant = |item: &Item| query::readable(items::api_token(item)).is_some_and(|token| token.id == id);
        Ok(items.into_iter().find(is_meant))
    }

    /// `false` if its place has another by now.
    async fn end_token(&self, item: &Item) -> Result<bool, StoreError> {
        let hash = query::readable(items::token(item));
        let (Some(hash), Some(id)) = (hash, item.get("id").cloned()) else {
            // What cannot be read opens nothing, and must keep nothing else.
            return self.forget_item(keys::of(item)).await.map(|()| true);
        };
        let mut end = self.transaction();
        end.take_out_if(keys::of(item), "id = :id", &[], Item::from([(":id".to_owned(), id)]))?;
        end.clear(keys::api_token(hash))?;
        Ok(end.commit().await?.is_ok())
    }
}

fn has_expired(item: &Item, now: Timestamp) -> bool {
    query::readable(items::api_token(item)).is_some_and(|token| token.expires_at <= now)
}
