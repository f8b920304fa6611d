//! Where everything random in a history comes from.

use fastrand::Rng;

/// A source of chances that gives the same ones for the same seed.
pub struct Dice(Rng);

impl Dice {
    /// The chances of this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Others, which do not depend on how many are drawn here afterwards.
    pub fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// A seed.
    pub fn seed(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.usize(..end) }
    }

    /// True `percent` times in a hundred.
    pub fn is(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// True `share` times in ten thousand.
    pub fn is_one_of_ten_thousand(&mut self, share: u32) -> bool {
        self.0.u32(..10_000) < share
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// One of these, each as often as its weight says.
    ///
    /// # Panics
    /// If all weights are 0.
    pub fn weighted<T: Copy>(&mut self, items: &[(T, u32)]) -> T {
        let all: u32 = items.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.u32(..all);
        for (item, weight) in items {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *item,
            }
        }
        unreachable!("the weights are as many as their sum")
    }

    /// Fills bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
