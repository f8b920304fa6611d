//! What `CloudWatch` makes metrics of: log lines in AWS's Embedded Metric Format.

use serde_json::{Value, json};
use tapebase_domain::{sweep::Swept, time::Timestamp};

/// A line that counts what a sweep has removed and what it could not, in the namespace `Tapebase`, by function.
pub fn of_sweep(swept: &Swept, function: &str, now: Timestamp) -> Value {
    let Swept { failed, doubtful, orphans, deleted, unerased, .. } = *swept;
    let counts = [
        ("Failed", failed),
        ("Doubtful", doubtful),
        ("Orphans", orphans),
        ("Deleted", deleted),
        ("Unerased", unerased),
    ];
    let mut line = json!({
        "_aws": {
            "Timestamp": now.timestamp_millis(),
            "CloudWatchMetrics": [{
                "Namespace": "Tapebase",
                "Dimensions": [["FunctionName"]],
                "Metrics": counts.map(|(name, _)| json!({"Name": name, "Unit": "Count"})),
            }],
        },
        "FunctionName": function,
    });
    for (name, count) in counts {
        line[name] = count.into();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_a_metric_is_there() {
        let swept = Swept { failed: 1, doubtful: 2, orphans: 3, deleted: 4, unerased: 5, ..Swept::default() };

        let line = of_sweep(&swept, "sweeper", Timestamp::UNIX_EPOCH);

        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let names = directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
        let values: Vec<u64> = names.map(|name| line[name].as_u64().unwrap()).collect();
        assert_eq!(values, [1, 2, 3, 4, 5]);
        assert_eq!(line[directive["Dimensions"][0][0].as_str().unwrap()], "sweeper");
        assert_eq!(line["_aws"]["Timestamp"], 0);
    }
}
