//! What bytes are written, and how they are summed up.

/// FNV-1a, 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fnv1a(u64);

impl Fnv1a {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x100_0000_01b3;

    /// The hash of no bytes.
    pub const fn new() -> Self {
        Self(Self::OFFSET)
    }

    /// Takes in bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(Self::PRIME));
    }

    /// Takes in `count` zero bytes, in time that hardly depends on `count`.
    pub fn write_zeros(&mut self, count: u64) {
        let (mut power, mut left) = (Self::PRIME, count);
        while left > 0 {
            if left & 1 == 1 {
                self.0 = self.0.wrapping_mul(power);
            }
            power = power.wrapping_mul(power);
            left >>= 1;
        }
    }

    /// The hash of everything taken in.
    pub const fn finish(self) -> u64 {
        self.0
    }
}

impl Default for Fnv1a {
    fn default() -> Self {
        Self::new()
    }
}

/// The pattern that `fill` and `device_write` write: every seed gives another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern {
    next: u64,
}

impl Pattern {
    /// The pattern of a seed, from its first byte.
    pub const fn new(seed: u64) -> Self {
        Self { next: seed }
    }

    /// Writes the next bytes of the pattern.
    pub fn write_to(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let mut x = self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            x ^= x >> 32;
            *byte = x.to_le_bytes()[0];
            self.next = self.next.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fnv1a, Pattern};

    #[test]
    fn fnv_test_vectors() {
        for (bytes, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            let mut fnv = Fnv1a::new();
            fnv.write(bytes.as_bytes());
            assert_eq!(fnv.finish(), hash, "{bytes:?}");
        }
    }

    #[test]
    fn zeros_at_once_are_zeros_one_by_one() {
        for count in [0, 1, 2, 63, 4096, 5000] {
            let (mut one_by_one, mut at_once) = (Fnv1a::new(), Fnv1a::new());
            one_by_one.write(b"start");
            at_once.write(b"start");
            one_by_one.write(&vec![0; count]);
            at_once.write_zeros(count as u64);
            assert_eq!(one_by_one, at_once, "{count}");
        }
    }

    #[test]
    fn a_pattern_goes_on_where_it_stopped() {
        let (mut whole, mut parts) = ([0; 10], [0; 10]);
        Pattern::new(7).write_to(&mut whole);
        let mut pattern = Pattern::new(7);
        let (first, rest) = parts.split_at_mut(3);
        pattern.write_to(first);
        pattern.write_to(rest);
        assert_eq!(whole, parts);
    }
}
