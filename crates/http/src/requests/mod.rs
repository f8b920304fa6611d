//! What clients and proxies say in their addresses, queries and headers.

pub mod caller;
pub mod conditions;
pub mod cookie;
pub mod details;
pub mod digests;
pub mod disposition;
pub mod forwarded;
pub mod include;
pub mod list;
pub mod names;
pub mod origins;
pub mod place;
pub mod proxies;
pub mod query;
pub mod texts;
pub mod times;
