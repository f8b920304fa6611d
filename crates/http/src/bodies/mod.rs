//! Audio on its way in.

pub mod incoming;
pub mod multipart;
pub mod upload;
