//! Lines as writers of the format spell them, read from left to right without a parser.
//!
//! A recording has millions of lines, and of most of them a model needs ten numbers. Fields come in a fixed order, and a
//! quotation mark inside of a string is always escaped, so that `,"out":{` can be looked for. Whatever looks otherwise
//! than expected is left to [`super::spelled`].

use super::{Act, Ended, Line, LoadEnd, Mapping, Told, Word};
use busdma_trace::format::{Hex, MapCounters, Zone};
use memchr::memchr;
use memchr::memmem::Finder;

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
        at.number()?;
        let t = if at.has(b",\"t\":") { Some(at.number()?) } else { None };
        let session = if at.has(b",\"session\":\"") { Some(Word::Borrowed(at.name()?)) } else { None };
        at.take(b",\"op\":\"")?;
        let mut act = match at.name()? {
            "load" => self.load(&mut at)?,
            "sync" => self.sync(&mut at)?,
            "unload" => self.unload(&mut at)?,
            "map_create" => self.map_create(&mut at)?,
            "map_destroy" => self.map_destroy(&mut at)?,
            "run_deferred" => run_deferred(&mut at)?,
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
        let request = at.rest;
        let ret = self.ret(at)?;
        let end = if at.has(b",\"callback\":") {
            if at.has(b"null") {
                if ret != "EINPROGRESS" {
                    return None;
                }
                LoadEnd::Deferred { bytes: buffer_bytes(request)? }
            } else {
                at.take(b"{")?;
                let end = at.callback()?;
                if at.has(b",\"mapsize\":") {
                    at.number()?;
                }
                at.take(b"}")?;
                end
            }
        } else if ret == "OK" {
            at.take(b",\"nsegs\":")?;
            at.number()?;
            at.take(b",\"segs\":[")?;
            LoadEnd::Loaded(at.segments()?)
        } else {
            return None;
        };
        let counters = at.counters()?;
        Some(Act::Load { tag: tag.into(), map: map.into(), end, counters })
    }

    fn sync<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        at.tag_and_map()?;
        self.ret(at)?;
        at.take(b",\"copies\":[")?;
        // Copies are numbers and two words.
        at.skip_behind(b']')?;
        for hash in [&b",\"client_hash\":\""[..], b",\"bounce_hash\":\""] {
            if at.has(hash) {
                at.name()?;
            }
        }
        Some(Act::Nothing)
    }

    fn unload<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        let (_, map) = at.tag_and_map()?;
        self.ret(at)?;
        at.has(b",\"swi\":true");
        let counters = at.counters()?;
        Some(Act::Unloaded { map: map.into(), counters })
    }

    fn map_create<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        let (tag, map) = at.tag_and_map()?;
        if self.ret(at)? != "OK" {
            return None;
        }
        if at.has(b",\"map\":\"") {
            at.name()?;
        }
        Some(Act::MapMade { tag: tag.into(), map: map.into(), memory: None })
    }

    fn map_destroy<'a>(&self, at: &mut Cursor<'a>) -> Option<Act<'a>> {
        let (_, map) = at.tag_and_map()?;
        let gone = self.ret(at)? == "OK";
        Some(if gone { Act::MapGone { map: map.into(), memory: None } } else { Act::Nothing })
    }

    /// Takes the pages of resumed loads out of the decisions.
    fn pages_of(&self, ended: &mut [Ended<'_>], decisions: &[u8]) -> Option<()> {
        for start in self.loaded.find_iter(decisions) {
            let mut at = Cursor { rest: decisions.get(start + self.loaded.needle().len()..)? };
            let map = at.name()?;
            at.take(b",\"segments\":")?;
            at.number()?;
            at.take(b",\"bpages\":")?;
            let bpages = at.small()?;
            for load in ended.iter_mut().filter(|load| load.map == map) {
                load.bpages = Some(bpages);
            }
        }
        Some(())
    }

    /// Goes to `out` and reads what the call returned.
    fn ret<'a>(&self, at: &mut Cursor<'a>) -> Option<&'a str> {
        let start = self.out.find(at.rest)?;
        at.rest = at.rest.get(start + self.out.needle().len()..)?;
        at.name()
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

/// The bytes of a request for one buffer, from what stands behind the map's name.
fn buffer_bytes(request: &[u8]) -> Option<u64> {
    let mut at = Cursor { rest: request };
    at.take(b",\"flags\":[")?;
    at.skip_behind(b']')?;
    at.take(b",\"kind\":\"buffer\",\"buf\":{\"vaddr\":\"")?;
    at.name()?;
    at.take(b",\"len\":")?;
    at.number()
}

/// What is left of a line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Passes over `text` if it is next.
    fn has(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn skip_behind(&mut self, byte: u8) -> Option<()> {
        let end = memchr(byte, self.rest)?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        let mut digits = 0;
        for &byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
            digits += 1;
        }
        self.rest = self.rest.get(digits..)?;
        (digits > 0).then_some(value)
    }

    fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// A string without escapes, from behind its first quotation mark to behind its last.
    fn name(&mut self) -> Option<&'a str> {
        let end = self.rest.iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"\"")?;
        str::from_utf8(name).ok()
    }

    /// Strings up to the end of their list, of which the bracket was passed.
    fn names(&mut self) -> Option<Vec<Word<'a>>> {
        let mut names = Vec::new();
        while !self.has(b"]") {
            self.has(b",");
            self.take(b"\"")?;
            names.push(self.name()?.into());
        }
        Some(names)
    }

    fn tag_and_map(&mut self) -> Option<(&'a str, &'a str)> {
        self.take(b",\"in\":{\"tag\":\"")?;
        let tag = self.name()?;
        self.take(b",\"map\":\"")?;
        Some((tag, self.name()?))
    }

    /// What a callback is told, as far as its segments.
    fn callback(&mut self) -> Option<LoadEnd> {
        self.take(b"\"error\":\"")?;
        let failed = self.name()? != "OK";
        self.take(b",\"nseg\":")?;
        self.number()?;
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
            self.name()?;
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
