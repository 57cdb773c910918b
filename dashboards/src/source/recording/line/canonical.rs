//! Lines as writers of the format spell them, read from left to right without a parser.
//!
//! A recording has millions of lines, and of most of them a model needs ten numbers. Fields come in a fixed order, and a
//! quotation mark inside of a string is always escaped, so that `,"out":{` can be looked for. Whatever looks otherwise
//! than expected is left to [`super::spelled`].

use super::{Act, Ended, Line, LoadEnd, Mapping, Names, Told, Word};
use busdma_trace::format::{Hex, MapCounters, Zone};
use memchr::memmem::Finder;
use memchr::{memchr, memchr2};

/// Digits of numbers that certainly have 64 bits.
const DIGITS_MAX: usize = 19;

/// Reads canonical lines.
#[derive(Debug)]
pub(in crate::source::recording) struct Scanner {
    out: Finder<'static>,
    loaded: Finder<'static>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { out: Finder::new(b",\"out\":{\"ret\":\""), loaded: Finder::new(b"{\"kind\":\"loaded\",\"map\":\"") }
    }
}

impl Scanner {
    /// Reads a line; what it tells of zones goes to `zones`. `None` for one that has to be read otherwise.
    pub(in crate::source::recording) fn scan<'a>(&self, line: &'a [u8], zones: &mut Vec<Zone>) -> Option<Line<'a>> {
        let mut at = Cursor { rest: line };
        at.take(b"{\"seq\":")?;
        at.skip_digits()?;
        let t = if at.has(b",\"t\":") { Some(at.number()?) } else { None };
        let session = if at.has(b",\"session\":\"") { Some(Word::Borrowed(at.name()?)) } else { None };
        at.take(b",\"op\":\"")?;
        let mut act = match at.word()? {
            b"load" => self.load(&mut at)?,
            b"sync" => self.sync(&mut at)?,
            b"unload" => self.unload(&mut at)?,
            b"map_create" => self.map_create(&mut at)?,
            b"map_destroy" => self.map_destroy(&mut at)?,
            b"run_deferred" => run_deferred(&mut at)?,
            _ => return None,
        };
        let told = if at.has(b",\"zones\":[") { at.zones(zones)? } else { Told::Not };
        let waiting = if at.has(b",\"waiting\":[") { Some(at.names()?) } else { None };
        if let Act::Drained { ended, .. } = &mut act {
            self.pages_of(ended, at.rest)?;
        }
        // A line with hazards ends in another way, and decisions are of no interest here.
        let ends = if at.rest.starts_with(b",\"decisions\":[") { line.ends_with(b"]}}") } else { at.rest == b"}}" };
        ends.then_some(Line { t, session, act, zones: told, waiting, hazards: Vec::new() })
    }

    fn load<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        let (tag, map) = at.tag_and_map()?;
        let ret = self.ret(at)?;
        let end = if at.has(b",\"callback\":") {
            if at.has(b"null") {
                if ret != b"EINPROGRESS" {
                    return None;
                }
                LoadEnd::Deferred
            } else {
                at.take(b"{")?;
                let end = at.callback()?;
                if at.has(b",\"mapsize\":") {
                    at.skip_digits()?;
                }
                at.take(b"}")?;
                end
            }
        } else if ret == b"OK" {
            at.take(b",\"nsegs\":")?;
            at.skip_digits()?;
            at.take(b",\"segs\":[")?;
            LoadEnd::Loaded(at.segments()?)
        } else {
            return None;
        };
        let counters = at.counters()?;
        Some(Act::Load { tag: tag.into(), map: map.into(), end, counters })
    }

    fn sync<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        at.skip_tag()?;
        let map = at.name()?;
        self.ret(at)?;
        at.take(b",\"copies\":[")?;
        // Copies are numbers and two words.
        at.skip_behind(b']')?;
        if at.has(b",\"client_hash\":\"") {
            at.word()?;
        }
        if at.has(b",\"bounce_hash\":\"") {
            at.word()?;
        }
        Some(Act::Synced { map: map.into() })
    }

    fn unload<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        at.skip_tag()?;
        let map = at.name()?;
        self.ret(at)?;
        at.has(b",\"swi\":true");
        let counters = at.counters()?;
        Some(Act::Unloaded { map: map.into(), counters })
    }

    fn map_create<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        let (tag, map) = at.tag_and_map()?;
        if self.ret(at)? != b"OK" {
            return None;
        }
        if at.has(b",\"map\":\"") {
            at.word()?;
        }
        Some(Act::MapMade { tag: tag.into(), map: map.into(), memory: None })
    }

    fn map_destroy<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        at.skip_tag()?;
        let map = at.name()?;
        let gone = self.ret(at)? == b"OK";
        Some(if gone { Act::MapGone { map: map.into(), memory: None } } else { Act::Nothing })
    }

    /// Takes the pages of resumed loads out of the decisions.
    fn pages_of(&self, ended: &mut [Ended<'_>], decisions: &[u8]) -> Option<()> {
        if ended.is_empty() {
            return Some(());
        }
        for start in self.loaded.find_iter(decisions) {
            let mut at = Cursor { rest: decisions.get(start + self.loaded.needle().len()..)? };
            let map = at.name()?;
            at.take(b",\"segments\":")?;
            at.skip_digits()?;
            at.take(b",\"bpages\":")?;
            let bpages = at.small()?;
            for load in ended.iter_mut().filter(|load| load.map == map) {
                load.bpages = Some(bpages);
            }
        }
        Some(())
    }

    /// Goes to `out` and reads what the call returned.
    fn ret<'a>(&self, at: &mut Cursor<'a>) -> Option<&'a [u8]> {
        // Many requests end with the map.
        if !at.has(b"},\"out\":{\"ret\":\"") {
            let start = self.out.find(at.rest)?;
            at.rest = at.rest.get(start + self.out.needle().len()..)?;
        }
        at.word()
    }
}

fn run_deferred<'a>(at: &mut Cursor<'a>) -> Option<Act<'a>> {
    at.take(b",\"in\":{},\"out\":{\"callbacks\":[")?;
    let mut ended = Vec::new();
    while !at.has(b"]") {
        at.has(b",");
        at.take(b"{\"map\":\"")?;
        let map = at.name()?.into();
        at.take(b",")?;
        ended.push(Ended { map, end: at.callback()?, bpages: None });
        at.take(b"}")?;
    }
    at.take(b",\"events\":[")?;
    at.names()?;
    Some(Act::Drained { ended, stopped: Vec::new() })
}

/// The value of eight digits, if they are digits.
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let text = u64::from_le_bytes(bytes);
    // Six more than a digit has the same high half as a digit.
    let digits = text & HIGH == ZEROS && text.wrapping_add(0x0606_0606_0606_0606) & HIGH == ZEROS;
    if !digits {
        return None;
    }
    // The first digit is in the lowest byte: neighbours are put together, then pairs, then fours.
    let ones = text - ZEROS;
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours & 0xffff_ffff) * 10_000 + (fours >> 32))
}

/// What is left of a line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Passes over `text` if it is next.
    #[inline]
    fn has<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        match self.rest.split_first_chunk() {
            Some((start, rest)) if start == text => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn take<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        self.has(text).then_some(())
    }

    fn skip_behind(&mut self, byte: u8) -> Option<()> {
        let end = memchr(byte, self.rest)?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }

    /// A number of at most [`DIGITS_MAX`] digits.
    fn number(&mut self) -> Option<u64> {
        let before = self.rest.len();
        let mut value = 0_u64;
        while let Some((digits, rest)) = self.rest.split_first_chunk()
            && let Some(eight) = eight_digits(*digits)
        {
            value = value.wrapping_mul(100_000_000).wrapping_add(eight);
            self.rest = rest;
        }
        while let Some((&byte, rest)) = self.rest.split_first()
            && byte.is_ascii_digit()
        {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.rest = rest;
        }
        // More could be too many for the value.
        (1..=DIGITS_MAX).contains(&(before - self.rest.len())).then_some(value)
    }

    /// Passes over a number of which nothing is needed.
    fn skip_digits(&mut self) -> Option<()> {
        let digits = self.rest.iter().position(|byte| !byte.is_ascii_digit())?;
        self.rest = self.rest.get(digits..)?;
        (1..=DIGITS_MAX).contains(&digits).then_some(())
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A string without escapes, from behind its first quotation mark to behind its last.
    fn name(&mut self) -> Option<&'a str> {
        str::from_utf8(self.word()?).ok()
    }

    /// The bytes of one.
    fn word(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"\"")?;
        Some(word)
    }

    /// Strings without escapes up to the end of their list, of which the bracket was passed.
    fn names(&mut self) -> Option<Names<'a>> {
        // A name with a bracket in it ends the list too early, and what follows is then not what is expected.
        let end = memchr2(b']', b'\\', self.rest)?;
        let (names, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"]")?;
        Some(Names::Written(names))
    }

    fn tag_and_map(&mut self) -> Option<(&'a str, &'a str)> {
        self.take(b",\"in\":{\"tag\":\"")?;
        let tag = self.name()?;
        self.take(b",\"map\":\"")?;
        Some((tag, self.name()?))
    }

    /// Goes to the map's name.
    fn skip_tag(&mut self) -> Option<()> {
        self.take(b",\"in\":{\"tag\":\"")?;
        self.word()?;
        self.take(b",\"map\":\"")
    }

    /// What a callback is told, as far as its segments.
    fn callback(&mut self) -> Option<LoadEnd> {
        self.take(b"\"error\":\"")?;
        let failed = self.word()? != b"OK";
        self.take(b",\"nseg\":")?;
        self.skip_digits()?;
        self.take(b",\"segs\":")?;
        if self.has(b"null") {
            return Some(if failed { LoadEnd::Failed } else { LoadEnd::NoData });
        }
        self.take(b"[")?;
        let mapping = self.segments()?;
        Some(if failed { LoadEnd::Failed } else { LoadEnd::Loaded(mapping) })
    }

    fn segments(&mut self) -> Option<Mapping> {
        let mut mapping = Mapping::default();
        while !self.has(b"]") {
            self.has(b",");
            self.take(b"[\"")?;
            self.word()?;
            self.take(b",")?;
            mapping.add(self.number()?);
            self.take(b"]")?;
        }
        Some(mapping)
    }

    #[expect(clippy::option_option, reason = "the outer one says whether the line can be read, as everywhere here")]
    fn counters(&mut self) -> Option<Option<MapCounters>> {
        if !self.has(b",\"map_state\":{\"pagesneeded\":") {
            return Some(None);
        }
        let pagesneeded = self.small()?;
        self.take(b",\"pagesreserved\":")?;
        let pagesreserved = self.small()?;
        self.take(b",\"bpages\":")?;
        let bpages = self.small()?;
        self.take(b"}")?;
        Some(Some(MapCounters { pagesneeded, pagesreserved, bpages }))
    }

    fn zones(&mut self, zones: &mut Vec<Zone>) -> Option<Told> {
        zones.clear();
        while !self.has(b"]") {
            self.has(b",");
            zones.push(self.zone()?);
        }
        Some(Told::Anew)
    }

    fn zone(&mut self) -> Option<Zone> {
        self.take(b"{\"zone\":")?;
        let zone = usize::try_from(self.number()?).ok()?;
        self.take(b",\"total\":")?;
        let total = self.small()?;
        self.take(b",\"free\":")?;
        let free = self.small()?;
        self.take(b",\"reserved\":")?;
        let reserved = self.small()?;
        self.take(b",\"active\":")?;
        let active = self.small()?;
        self.take(b",\"bounced\":")?;
        let bounced = self.number()?;
        self.take(b",\"deferred\":")?;
        let deferred = self.number()?;
        self.take(b",\"map_count\":")?;
        let map_count = i64::try_from(self.number()?).ok()?;
        self.take(b",\"lowaddr\":\"0x")?;
        let lowaddr = Hex(u64::from_str_radix(self.name()?, 16).ok()?);
        self.take(b",\"alignment\":")?;
        let alignment = self.number()?;
        self.take(b"}")?;
        Some(Zone { zone, total, free, reserved, active, bounced, deferred, map_count, lowaddr, alignment })
    }
}
