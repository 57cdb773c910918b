//! Lines out of blocks, wherever those were cut.

use busdma_trace::reader::HEADER_BYTES_MAX;
use memchr::memchr;
use std::io;

/// Where blocks come from, in order.
pub(super) trait Feed {
    /// Puts the text of the next block into `text`, of which nothing is needed any more; `false` when there is none.
    fn next_block(&mut self, text: &mut Vec<u8>) -> io::Result<bool>;
}

/// A place between two lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct LinePlace {
    /// Number of the block, from 0.
    pub(super) block: usize,
    /// Bytes of its text before the line.
    pub(super) offset: usize,
}

/// Goes through the lines of a trace.
#[derive(Debug)]
pub(super) struct Lines<F> {
    feed: F,
    text: Vec<u8>,
    /// Where the next line begins.
    place: LinePlace,
    /// A line that lies in several blocks.
    carried: Vec<u8>,
    next: Next,
}

/// What is known of the line at the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Unknown,
    /// In the block, so long.
    Within(usize),
    /// In `carried`, and the line after it begins there.
    Carried(LinePlace),
    /// In `carried`, and the text ends without the end of the line.
    Torn,
    End,
}

/// A line without its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineText<'a> {
    /// A whole one.
    Whole(&'a [u8]),
    /// The text ends in it.
    Unterminated(&'a [u8]),
}

impl<F: Feed> Lines<F> {
    /// From `place` on; the feed's next block is that one.
    pub(super) fn from(feed: F, place: LinePlace) -> io::Result<Self> {
        let mut lines = Self { feed, text: Vec::new(), place, carried: Vec::new(), next: Next::Unknown };
        if !lines.feed.next_block(&mut lines.text)? {
            lines.text.clear();
            lines.next = Next::End;
        }
        Ok(lines)
    }

    /// Where blocks come from.
    pub(super) const fn feed(&self) -> &F {
        &self.feed
    }

    /// Where the next line begins.
    pub(super) const fn place(&self) -> LinePlace {
        self.place
    }

    /// The next line, `None` where the text ends. It stays the next until [`Lines::pass`].
    pub(super) fn peek(&mut self) -> io::Result<Option<LineText<'_>>> {
        if self.next == Next::Unknown {
            self.next = self.find()?;
        }
        Ok(match self.next {
            Next::Within(bytes) => self.text.get(self.place.offset..self.place.offset + bytes).map(LineText::Whole),
            Next::Carried(_) => Some(LineText::Whole(&self.carried)),
            Next::Torn => Some(LineText::Unterminated(&self.carried)),
            Next::Unknown | Next::End => None,
        })
    }

    /// Goes behind the line that was peeked at.
    pub(super) fn pass(&mut self) {
        match self.next {
            Next::Within(bytes) => self.place.offset += bytes + 1,
            Next::Carried(behind) => self.place = behind,
            Next::Torn => {
                self.next = Next::End;
                return;
            }
            Next::Unknown | Next::End => return,
        }
        self.next = Next::Unknown;
    }

    fn find(&mut self) -> io::Result<Next> {
        let rest = self.text.get(self.place.offset..).unwrap_or_default();
        if let Some(end) = memchr(b'\n', rest) {
            return Ok(Next::Within(end));
        }
        self.carried.clear();
        self.carried.extend_from_slice(rest);
        let mut block = self.place.block;
        loop {
            if !self.feed.next_block(&mut self.text)? {
                self.text.clear();
                return Ok(if self.carried.is_empty() { Next::End } else { Next::Torn });
            }
            block += 1;
            if self.carried.is_empty() {
                // The line is wholly in that block.
                self.place = LinePlace { block, offset: 0 };
            }
            if let Some(end) = memchr(b'\n', &self.text) {
                self.carried.extend_from_slice(self.text.get(..end).unwrap_or_default());
                return Ok(Next::Carried(LinePlace { block, offset: end + 1 }));
            }
            // A longer one is none; its beginning cannot be read as a line.
            if self.carried.len() <= HEADER_BYTES_MAX {
                self.carried.extend_from_slice(&self.text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, LinePlace, LineText, Lines};
    use std::io;

    struct Cut<'a>(Vec<&'a [u8]>);

    impl Feed for Cut<'_> {
        fn next_block(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
            if self.0.is_empty() {
                return Ok(false);
            }
            *text = self.0.remove(0).to_vec();
            Ok(true)
        }
    }

    /// Lines with the places they begin at, from a place on.
    fn lines(blocks: &[&'static str], from: LinePlace) -> (Vec<(LinePlace, String)>, Option<String>) {
        let feed = Cut(blocks[from.block..].iter().map(|block| block.as_bytes()).collect());
        let mut lines = Lines::from(feed, from).unwrap();
        let (mut found, mut torn) = (Vec::new(), None);
        loop {
            assert_eq!(lines.peek().unwrap().is_some(), lines.peek().unwrap().is_some());
            let text = match lines.peek().unwrap() {
                None => return (found, torn),
                Some(LineText::Unterminated(text)) => {
                    torn = Some(String::from_utf8(text.to_vec()).unwrap());
                    lines.pass();
                    continue;
                }
                Some(LineText::Whole(text)) => String::from_utf8(text.to_vec()).unwrap(),
            };
            found.push((lines.place(), text));
            lines.pass();
        }
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let check = |blocks: &[&'static str], expected: &[&str], torn: Option<&str>| {
            let (all, end) = lines(blocks, LinePlace::default());
            assert_eq!(all.iter().map(|(_, text)| &**text).collect::<Vec<_>>(), expected, "{blocks:?}");
            assert_eq!(end.as_deref(), torn, "{blocks:?}");
            for (at, (place, _)) in all.iter().enumerate() {
                assert_eq!(lines(blocks, *place).0, all[at..], "{blocks:?} from {place:?}");
            }
        };
        check(&[], &[], None);
        check(&["a\nbc\n"], &["a", "bc"], None);
        check(&["a\n", "bc\n"], &["a", "bc"], None);
        check(&["a", "\nb", "c", "\n"], &["a", "bc"], None);
        check(&["a\nb", "c", "d\ne"], &["a", "bcd"], Some("e"));
        check(&["a\n", "", "\n", "b\n"], &["a", "", "b"], None);
        check(&["ab", "cd"], &[], Some("abcd"));
    }
}
