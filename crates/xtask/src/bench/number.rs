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
    quartiles(numbers)[1]
}

/// Those a quarter, half and three quarters of the way from the least to the most, between two of them if need be.
pub fn quartiles(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
    [1, 2, 3].map(|quarters| {
        let way = numbers.len().saturating_sub(1) * quarters;
        let (lower, upper) = (at(way / 4), at(way.div_ceil(4)));
        lower + (upper - lower) * [0.0, 0.25, 0.5, 0.75][way % 4]
    })
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

    #[test]
    fn quartiles_lie_between_two_numbers_if_need_be() {
        let quartiles = |numbers: &[f64]| quartiles(numbers.iter().copied()).map(readable);

        assert_eq!(quartiles(&[5.0, 1.0, 2.0, 4.0, 3.0]), ["2.00", "3.00", "4.00"]);
        assert_eq!(quartiles(&[1.0, 2.0]), ["1.25", "1.50", "1.75"]);
        assert_eq!(quartiles(&[7.0]), ["7.00", "7.00", "7.00"]);
    }
}
