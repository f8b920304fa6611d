//! Several texts in one setting.

use serde::{Deserialize, Serialize};

/// A list, or one text with commas between, as the environment has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of texts, or one text with commas between them")]
pub enum Texts {
    /// With commas between.
    One(String),
    /// One by one.
    Several(Vec<String>),
}

impl Texts {
    /// Each of them, without blanks around; empty ones are none.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match self {
            Self::One(text) => text.split(',').filter_map(trimmed).collect(),
            Self::Several(texts) => texts.iter().filter_map(|text| trimmed(text)).collect(),
        }
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl From<&str> for Texts {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<Vec<String>> for Texts {
    fn from(texts: Vec<String>) -> Self {
        Self::Several(texts)
    }
}
