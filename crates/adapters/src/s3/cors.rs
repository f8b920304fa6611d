//! What the bucket lets browsers do (CORS): send the parts of direct uploads, and play what they were redirected to.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule, builders::CorsRuleBuilder};
use tapebase_domain::ports::causes;

use super::{
    S3,
    setup::{Step, failed, repair, unless_absent},
};
use crate::finding::Outcome;

/// What the rule was called that was for everything.
const FORMER: &str = "tapebase-browsers";

impl S3 {
    /// Looks at the rules; with `repairs` it brings its own right. Those that others made are kept.
    pub(super) async fn cors(&self, repairs: bool) -> Step {
        let found = self.client.get_bucket_cors().bucket(&self.place.bucket).send().await;
        let found = unless_absent(found, "NoSuchCORSConfiguration")?;
        let mut rules = found.and_then(|found| found.cors_rules).unwrap_or_default();
        let names =
            ["uploads", "playback"].map(|what| format!("tapebase-{what}-{}", self.place.prefix.replace('/', "-")));
        let is_ours = |rule: &CorsRule| rule.id().is_some_and(|id| id == FORMER || names.iter().any(|name| name == id));
        let wanted = [upload_rule(&names[0], &self.allowed_origins)?, playback_rule(&names[1])?];
        let is_missing = |wanted: &CorsRule| !rules.iter().any(|rule| covers(rule, wanted));
        let is_too_much = |rule: &CorsRule| is_ours(rule) && !wanted.iter().any(|wanted| covers(wanted, rule));
        let is_right = !wanted.iter().any(is_missing) && !rules.iter().any(is_too_much);
        rules.retain(|rule| !is_ours(rule));
        rules.extend(wanted);
        let rules = CorsConfiguration::builder().set_cors_rules(Some(rules)).build();
        let put = self.client.put_bucket_cors().bucket(&self.place.bucket);
        let rules = rules.map_err(|error| failed(causes(&error)))?;
        repair(is_right, repairs, put.cors_configuration(rules).send()).await
    }
}

/// Without a list of origins, any may: what counts is the signature in the link.
fn upload_rule(name: &str, origins: &[String]) -> Result<CorsRule, Outcome> {
    let rule = rule(name).allowed_methods("PUT").expose_headers("ETag");
    let rule = if origins.is_empty() {
        rule.allowed_origins("*")
    } else {
        origins.iter().fold(rule, CorsRuleBuilder::allowed_origins)
    };
    rule.build().map_err(|error| failed(causes(&error)))
}

/// A browser that is redirected from the API calls its origin `null` (Fetch standard, "redirect-tainted"): only a star
/// lets it in.
fn playback_rule(name: &str) -> Result<CorsRule, Outcome> {
    let rule = ["GET", "HEAD"].into_iter().fold(rule(name), CorsRuleBuilder::allowed_methods);
    let exposed = ["ETag", "Accept-Ranges", "Content-Range", "Content-Length", "Content-Disposition"];
    let rule = exposed.into_iter().fold(rule, CorsRuleBuilder::expose_headers);
    rule.allowed_origins("*").build().map_err(|error| failed(causes(&error)))
}

fn rule(name: &str) -> CorsRuleBuilder {
    CorsRule::builder().id(name).allowed_headers("*").max_age_seconds(3_600)
}

/// Whether `rule` lets browsers do everything that `other` does.
fn covers(rule: &CorsRule, other: &CorsRule) -> bool {
    let has_all = |list: &[String], wanted: &[String]| {
        let has = |wanted: &String| list.iter().any(|item| item == "*" || item.eq_ignore_ascii_case(wanted));
        wanted.iter().all(has)
    };
    has_all(rule.allowed_origins(), other.allowed_origins())
        && has_all(rule.allowed_methods(), other.allowed_methods())
        && has_all(rule.allowed_headers(), other.allowed_headers())
        && has_all(rule.expose_headers(), other.expose_headers())
}
