//! JSON put together by hand: a recording has millions of lines, and nearly all of a serializer's time goes into numbers and
//! into asking which characters of a name need an escape. None of those written here does.

/// Appends to a line.
#[derive(Debug)]
pub(super) struct Text<'t>(pub(super) &'t mut Vec<u8>);

/// What is one more than eight digits hold.
const EIGHT_DIGITS: u64 = 100_000_000;

/// The character 0 in each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

impl Text<'_> {
    /// Text that is JSON already.
    #[inline]
    pub(super) fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A number.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        if number < 10 {
            self.0.push(b'0' + number.to_le_bytes()[0]);
        } else if number < EIGHT_DIGITS {
            let digits = eight_digits(number);
            let leading = digits.trailing_zeros() / 8;
            self.0.extend_from_slice(&((digits | ZEROS) >> (8 * leading)).to_le_bytes());
            self.0.truncate(self.0.len() - leading as usize);
        } else {
            self.long_number(number);
        }
    }

    fn long_number(&mut self, number: u64) {
        self.number(number / EIGHT_DIGITS);
        self.0.extend_from_slice(&(eight_digits(number % EIGHT_DIGITS) | ZEROS).to_le_bytes());
    }

    /// A number that may be negative.
    pub(super) fn integer(&mut self, number: i64) {
        if number < 0 {
            self.0.push(b'-');
        }
        self.number(number.unsigned_abs());
    }

    /// A number as [`Hex`](busdma_trace::format::Hex) spells it, in quotes.
    #[inline]
    pub(super) fn hex(&mut self, number: u64) {
        let [high, low] = [number >> 32, number & 0xffff_ffff].map(eight_hex_digits);
        let digits = u128::from(high) | u128::from(low) << 64;
        let leading = (number | 1).leading_zeros() / 4;
        self.put("\"0x");
        self.0.extend_from_slice(&(digits >> (8 * leading)).to_le_bytes());
        self.0.truncate(self.0.len() - leading as usize);
        self.put("\"");
    }
}

/// The digits of a number below 10^8, leading zeros included: a byte each, the first one in the lowest byte. They are
/// halved thrice, all at once: 10486 / 2^20 and 103 / 2^10 are close enough to a hundredth and a tenth.
#[inline]
fn eight_digits(number: u64) -> u64 {
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

/// The characters of the hexadecimal digits of a number below 2^32, the first one in the lowest byte.
#[inline]
fn eight_hex_digits(number: u64) -> u64 {
    // A digit to each byte.
    let spread = (number | number << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte whose digit is a letter.
    let letters = ((spread + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    let above_nine = u64::from(b'a' - b'9' - 1);
    (spread + ZEROS + letters * above_nine).swap_bytes()
}

#[cfg(test)]
mod tests {
    use super::Text;
    use busdma_trace::format::Hex;

    fn text(write: impl FnOnce(&mut Text<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Text(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }

    /// Numbers of every length, in both bases, and their neighbours.
    fn numbers() -> impl Iterator<Item = u64> {
        let powers = (0..20).map(|power| 10_u64.pow(power)).chain((0..64).map(|bit| 1 << bit));
        let near = powers.flat_map(|power| [power - 1, power, power + 1]);
        let halves = (0..10_000).map(|half| half * 10_001);
        near.chain(halves).chain([
            0xfedc_ba98_7654_3210,
            0x0123_4567_89ab_cdef,
            99,
            100,
            12_345,
            u64::MAX - 1,
            u64::MAX,
        ])
    }

    #[test]
    fn numbers_are_spelled_as_by_the_serializer() {
        for number in numbers() {
            assert_eq!(text(|text| text.number(number)), serde_json::to_string(&number).unwrap());
            assert_eq!(text(|text| text.hex(number)), serde_json::to_string(&Hex(number)).unwrap());
            for signed in [number.cast_signed(), number.cast_signed().wrapping_neg()] {
                assert_eq!(text(|text| text.integer(signed)), serde_json::to_string(&signed).unwrap());
            }
        }
    }
}
