//! What goes out: documents, audio, problems.

pub mod caching;
pub mod document;
pub mod download;
pub mod problem;
pub mod wire;
