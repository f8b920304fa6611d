//! Numbers as people read them.

/// Rounded to three digits or to a whole, with a comma between thousands.
pub fn readable(number: f64) -> String {
    let decimals = match number.abs() {
        0.0 => 0,
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.0995 => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The one in the middle.
pub fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let upper = numbers.get(numbers.len() / 2).copied().unwrap_or_default();
    let lower = numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_no_more_digits_than_it_is_worth() {
        let numbers = [1_234_567.8, 1_000.0, 999.4, 99.95, 12.34, 1.0, 0.5678, 0.0123, 0.0];

        let texts = numbers.map(readable);

        assert_eq!(texts, ["1,234,568", "1,000", "999", "100", "12.3", "1.00", "0.57", "0.012", "0"]);
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert!((median([9.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!((median([9.0, 1.0, 2.0, 4.0].into_iter()) - 3.0).abs() < f64::EPSILON);
    }
}
