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

#[cfg(test)]
mod tests {
    use crate::workspace;

    /// The tests that the tables of a text name, each with its file.
    fn named_tests(text: &str) -> Vec<(String, &str)> {
        let mut named = Vec::new();
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let mut file = None;
            for quoted in row.split('`').skip(1).step_by(2) {
                let is_name = quoted.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if std::path::Path::new(quoted).extension().is_some_and(|extension| extension == "rs") {
                    let case = quoted.strip_prefix("cases/").map(|case| format!("conformance/src/http/cases/{case}"));
                    file = Some(case.unwrap_or_else(|| quoted.to_owned()));
                } else if let Some(file) = file.clone().filter(|_| is_name && quoted.matches('_').count() > 1) {
                    named.push((file, quoted));
                }
            }
        }
        named
    }

    #[test]
    fn every_test_that_a_promise_is_shown_by_is_there() {
        for document in ["docs/security.md", "docs/robustness.md"] {
            let text = std::fs::read_to_string(workspace::path(document)).unwrap();
            let named = named_tests(&text);
            assert!(named.len() > 40, "{document} names {}", named.len());
            for (file, name) in named {
                let source = std::fs::read_to_string(workspace::path("crates").join(&file)).unwrap_or_default();
                assert!(source.contains(&format!("fn {name}")), "{document}: there is no {name} in {file}");
            }
        }
    }
}
