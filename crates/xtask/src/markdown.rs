//! What is in fences in Markdown.

/// The blocks of a text in a language.
pub fn blocks<'text>(text: &'text str, language: &str) -> impl Iterator<Item = &'text str> {
    let fence = format!("```{language}\n");
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(&fence)?;
        let (block, after) = from.split_once("```\n")?;
        rest = after;
        Some(block)
    })
}
