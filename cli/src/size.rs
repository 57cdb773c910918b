//! Numbers as people write them: sizes with binary units, addresses, and the way back.

pub use busdma_dashboards::units::address as address_limit;

use busdma_dashboards::units;
use thiserror::Error;

/// What [`parse_size`] and [`parse_address`] take, for messages and help.
pub const SIZE_FORMS: &str = "a number of bytes, decimal or 0x…, or with K, M, G or T (KiB, MiB, GiB, TiB)";

/// Why a text is no size.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SizeError {
    /// There is no text.
    #[error("empty; expected {SIZE_FORMS}")]
    Empty,
    /// No digits where the number should be.
    #[error("`{text}` does not begin with a number; expected {SIZE_FORMS}")]
    NotANumber {
        /// The whole text.
        text: String,
    },
    /// Letters behind the number that are no unit.
    #[error("unknown unit `{unit}` in `{text}`; expected {SIZE_FORMS}")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// What follows the digits.
        unit: String,
    },
    /// A unit that some read as 1000 and some as 1024.
    #[error("`{unit}` in `{text}` may mean 1000 or 1024; write {binary} for powers of 1024")]
    AmbiguousUnit {
        /// The whole text.
        text: String,
        /// The unit.
        unit: String,
        /// How to write it.
        binary: String,
    },
    /// More than 64 bits.
    #[error("`{text}` does not fit 64 bits; the largest is 0xffffffffffffffff")]
    TooLarge {
        /// The whole text.
        text: String,
    },
    /// A number of address bits outside `1..=64`.
    #[error("`{text}` names {bits} address bits; expected 1-bit to 64-bit")]
    AddressBits {
        /// The whole text.
        text: String,
        /// The bits.
        bits: u64,
    },
}

/// Reads a number of bytes: `131072`, `0x20000`, `128K`, `128KiB`. Units are powers of 1024 and of either case.
///
/// # Errors
///
/// [`SizeError`] with the offending part.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SizeError::Empty);
    }
    let too_large = || SizeError::TooLarge { text: text.to_owned() };
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(SizeError::NotANumber { text: text.to_owned() });
        }
        return u64::from_str_radix(digits, 16).map_err(|_| too_large());
    }
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    if digits.is_empty() {
        return Err(SizeError::NotANumber { text: text.to_owned() });
    }
    let number: u64 = digits.parse().map_err(|_| too_large())?;
    number.checked_mul(unit_bytes(text, unit.trim_start())?).ok_or_else(too_large)
}

/// Reads an address or an address limit: as [`parse_size`], or `32-bit` for the highest address of that many bits.
///
/// # Errors
///
/// [`SizeError`] with the offending part.
pub fn parse_address(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let Some(bits) = text.strip_suffix("-bit").or_else(|| text.strip_suffix("bit")) else { return parse_size(text) };
    let bits = parse_size(bits)?;
    match bits {
        1..=64 => Ok(u64::MAX >> (64 - bits)),
        _ => Err(SizeError::AddressBits { text: text.to_owned(), bits }),
    }
}

fn unit_bytes(text: &str, unit: &str) -> Result<u64, SizeError> {
    let lower = unit.to_ascii_lowercase();
    let shift = match lower.as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        "kb" | "mb" | "gb" | "tb" => {
            let letter = lower[..1].to_ascii_uppercase();
            let binary = format!("{letter} or {letter}iB");
            return Err(SizeError::AmbiguousUnit { text: text.to_owned(), unit: unit.to_owned(), binary });
        }
        _ => return Err(SizeError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }),
    };
    Ok(1 << shift)
}

/// A size as [`parse_size`] reads it back, with the largest unit that divides it: `4K`, `5M`, `65553`.
pub fn short(bytes: u64) -> String {
    for (shift, unit) in [(40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// A size in prose: `128 KiB`, `65553 bytes`, `1 byte`.
pub fn prose(bytes: u64) -> String {
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// A size in prose, rounded to three digits: `1.50 KiB`, `118 MiB`, `512 bytes`.
pub fn rounded(bytes: u64) -> String {
    if bytes < 1024 { prose(bytes) } else { units::bytes(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |text, bytes| assert_eq!(parse_size(text), Ok(bytes), "{text}");
        check("0", 0);
        check("131072", 131_072);
        check("128K", 131_072);
        check("128k", 131_072);
        check("128 KiB", 131_072);
        check(" 0x20000 ", 131_072);
        check("0XfF", 255);
        check("5M", 5 << 20);
        check("9GiB", 9 << 30);
        check("1t", 1 << 40);
        check("512B", 512);
        check("18446744073709551615", u64::MAX);
        check("0xffffffffffffffff", u64::MAX);
    }

    #[test]
    fn bad_sizes_name_the_offending_part() {
        let check = |text, message: &str| {
            let error = parse_size(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check("", "empty");
        check("  ", "empty");
        check("K", "`K` does not begin with a number");
        check("-1", "`-1` does not begin with a number");
        check("0x", "`0x` does not begin with a number");
        check("0x1g", "`0x1g` does not begin with a number");
        check("1.5K", "unknown unit `.5K` in `1.5K`");
        check("12Q", "unknown unit `Q` in `12Q`");
        check("4KB", "`KB` in `4KB` may mean 1000 or 1024; write K or KiB");
        check("18446744073709551616", "`18446744073709551616` does not fit 64 bits");
        check("0x1ffffffffffffffff", "`0x1ffffffffffffffff` does not fit 64 bits");
        check("99999999T", "`99999999T` does not fit 64 bits");
        check("4é", "unknown unit `é` in `4é`");
    }

    #[test]
    fn addresses() {
        let check = |text, address| assert_eq!(parse_address(text), address, "{text}");
        check("32-bit", Ok(0xffff_ffff));
        check("24bit", Ok(0xff_ffff));
        check("64-bit", Ok(u64::MAX));
        check("4G", Ok(1 << 32));
        check("65-bit", Err(SizeError::AddressBits { text: "65-bit".to_owned(), bits: 65 }));
        check("0-bit", Err(SizeError::AddressBits { text: "0-bit".to_owned(), bits: 0 }));
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for bytes in [0, 1, 512, 4096, 65_553, 131_072, 5 << 20, 9 << 30, 3 << 40, u64::MAX] {
            assert_eq!(parse_size(&short(bytes)), Ok(bytes));
        }
        for last in [0xff_ffff, 0x3fff_ffff, 0xffff_ffff, 0x1234, u64::MAX] {
            assert_eq!(parse_address(&address_limit(last)), Ok(last));
        }
    }

    #[test]
    fn prose_sizes() {
        assert_eq!(prose(131_072), "128 KiB");
        assert_eq!(prose(1), "1 byte");
        assert_eq!(prose(1000), "1000 bytes");
    }

    #[test]
    fn rounded_sizes() {
        let check = |bytes, text: &str| assert_eq!(rounded(bytes), text);
        check(0, "0 bytes");
        check(1, "1 byte");
        check(1023, "1023 bytes");
        check(1024, "1.00 KiB");
        check(1536, "1.50 KiB");
        check(20 << 20, "20.0 MiB");
        check(123_456_789, "118 MiB");
        check(u64::MAX, "16777216 TiB");
    }
}
