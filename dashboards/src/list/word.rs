//! A word looked for in short texts, many a time.

use std::fmt::{self, Write};

/// A word in lower case.
#[derive(Debug)]
pub(super) struct Lower(String);

impl Lower {
    /// That word.
    pub(super) fn new(word: &str) -> Self {
        Self(word.to_lowercase())
    }

    /// The word itself.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text in any case holds the word.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.is_in_bytes(text.as_bytes()) || (!text.is_ascii() && text.to_lowercase().contains(&self.0))
    }

    /// Whether what was written holds the word, the case of ASCII letters aside.
    pub(super) fn is_in_written(&self, written: &Written) -> bool {
        self.is_in_bytes(written.bytes.get(..written.len).unwrap_or_default())
    }

    /// The case of ASCII letters aside. Texts are so short that nothing cleverer pays.
    fn is_in_bytes(&self, text: &[u8]) -> bool {
        let Some((first, rest)) = self.0.as_bytes().split_first() else { return true };
        let Some(last_start) = text.len().checked_sub(self.0.len()) else { return false };
        text.iter().take(last_start + 1).enumerate().any(|(start, byte)| {
            byte.to_ascii_lowercase() == *first
                && text.get(start + 1..=start + rest.len()).is_some_and(|behind| behind.eq_ignore_ascii_case(rest))
        })
    }
}

/// Bytes that are kept of what is written.
const BYTES: usize = 32;

/// A number's text, without memory of its own. What does not fit is refused.
#[derive(Debug, Default)]
pub(super) struct Written {
    bytes: [u8; BYTES],
    len: usize,
}

impl Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let place = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => {
                *self.bytes.get_mut(self.len).ok_or(fmt::Error)? = byte;
                self.len += 1;
                Ok(())
            }
            _ => self.write_str(character.encode_utf8(&mut [0; 4])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_looked_through_in_any_case() {
        let check = |text: &str, word: &str, expected: bool| {
            assert_eq!(Lower::new(word).is_in(text), expected, "{word:?} in {text:?}");
        };
        check("vm1/M12", "m12", true);
        check("vm1/m12", "M1", true);
        check("vm1/m1", "m12", false);
        check("aab", "ab", true);
        check("", "", true);
        check("", "a", false);
        check("M", "m", true);
        check("@", "`", false);
        check("ÄTNA", "ät", true);
        check("atna", "ä", false);
        // The sign of Kelvin is a K of its own in upper case and the usual one in lower case.
        check("\u{212a}2", "k2", true);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut written = Written::default();
        for _ in 0..BYTES / 4 {
            assert_eq!(written.write_str("µµ"), Ok(()));
        }
        assert_eq!(written.write_char('x'), Err(fmt::Error));
        assert_eq!(written.write_char('µ'), Err(fmt::Error));
        assert!(Lower::new("µµ").is_in_written(&written));
    }
}
