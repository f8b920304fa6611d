//! Numbers and ids that look random, and are the same in every run.

/// The generator `SplitMix64`, which is fast and needs no more than its state.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The id of a number: a random UUID as apps make them, and another for every seed and number.
#[must_use]
pub fn id(seed: u64, number: u64) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut random = Random::new(Random::new(seed).next().wrapping_add(number));
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    // Its version is 4, and its variant that of RFC 9562.
    let bits = bits & !(0xf << 76) & !(0xc << 60) | (0x4 << 76) | (0x8 << 60);
    let mut id = [b'-'; 36];
    let places = (0..36).filter(|place| ![8, 13, 18, 23].contains(place));
    for (place, byte) in places.zip(bits.to_be_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 0xf])) {
        id[place] = DIGITS[usize::from(byte)];
    }
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_id_is_a_random_uuid() {
        let id = String::from_utf8(id(7, 1).to_vec()).unwrap();

        let groups: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!(["8", "9", "a", "b"].contains(&&id[19..20]), "{id}");
    }

    #[test]
    fn the_ids_of_a_seed_differ_from_each_other_and_from_those_of_another() {
        let ids: BTreeSet<_> = (0..1_000).flat_map(|number| [id(1, number), id(2, number)]).collect();

        assert_eq!(ids.len(), 2_000);
        assert_eq!(id(1, 5), id(1, 5));
    }
}
