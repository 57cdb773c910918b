//! Where a buffer's pages lie in physical memory: `contiguous`, `scattered:7`, `pages=0x1000,0x3000`.

use crate::size::{self, SizeError};
use crate::text::counted;
use busdma_engine::addr::{PAGE_SIZE, PhysAddr};
use std::collections::HashMap;
use std::fmt;
use thiserror::Error;

/// What [`parse_layout`] takes.
pub const LAYOUT_FORMS: &str = "contiguous[:ADDR], scattered[:SEED] or pages=ADDR,ADDR,…";

/// Memory below this is the firmware's and the kernel's: no page of a buffer or of a bounce pool is placed there.
pub const FIRST_FREE: PhysAddr = PhysAddr::new(0x10_0000);

/// How the pages of a buffer lie in physical memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Layout {
    /// One after the other.
    Contiguous {
        /// Address of the first byte; its offset inside the page is the buffer's too. `None` is the middle of memory.
        start: Option<PhysAddr>,
    },
    /// Drawn from all of memory, the same ones for the same seed.
    Scattered {
        /// Which ones.
        seed: u64,
    },
    /// These, each the first byte of a page.
    Pages(Vec<PhysAddr>),
}

/// Why a text is no layout.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LayoutError {
    /// None of the forms.
    #[error("`{text}` is no layout; expected {LAYOUT_FORMS}")]
    UnknownForm {
        /// The text.
        text: String,
    },
    /// An address or a seed that is no number.
    #[error(transparent)]
    BadNumber(#[from] SizeError),
    /// A page address inside a page.
    #[error("{page} does not begin a page; write {}", page.page_start())]
    UnalignedPage {
        /// The address.
        page: PhysAddr,
    },
}

/// Why a layout does not go with a buffer and a machine.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PlacementError {
    /// `pages=` lists another number of pages than the buffer touches.
    #[error("the layout lists {}, the buffer touches {needed}", counted(*given as u64, "page"))]
    WrongPageCount {
        /// Pages listed.
        given: usize,
        /// Pages the buffer touches.
        needed: u64,
    },
    /// A page lies at or above the end of memory.
    #[error("the buffer's page at {page} lies beyond the {} of memory", size::prose(*maxmem))]
    BeyondMemory {
        /// The page.
        page: PhysAddr,
        /// Bytes of memory.
        maxmem: u64,
    },
    /// The buffer touches more pages than the machine has.
    #[error("the buffer touches {}, the machine has {available} above {FIRST_FREE}", counted(*needed, "page"))]
    MemoryTooSmall {
        /// Pages the buffer touches.
        needed: u64,
        /// Pages there are.
        available: u64,
    },
}

/// Reads a layout.
///
/// # Errors
///
/// [`LayoutError`] with the part at fault.
pub fn parse_layout(text: &str) -> Result<Layout, LayoutError> {
    let unknown = || LayoutError::UnknownForm { text: text.to_owned() };
    if let Some(list) = text.strip_prefix("pages=") {
        return list.split(',').map(parse_page).collect::<Result<_, _>>().map(Layout::Pages);
    }
    let (form, argument) = match text.split_once(':') {
        Some((form, argument)) => (form, Some(argument)),
        None => (text, None),
    };
    let argument = argument.map(size::parse_size);
    match form {
        "contiguous" => Ok(Layout::Contiguous { start: argument.transpose()?.map(PhysAddr::new) }),
        "scattered" => Ok(Layout::Scattered { seed: argument.transpose()?.unwrap_or(0) }),
        _ => Err(unknown()),
    }
}

fn parse_page(text: &str) -> Result<PhysAddr, LayoutError> {
    let page = PhysAddr::new(size::parse_size(text)?);
    if page.page_offset() == 0 { Ok(page) } else { Err(LayoutError::UnalignedPage { page }) }
}

impl Layout {
    /// The first byte of each of `needed` pages, in the buffer's order, in a machine with `maxmem` bytes of memory.
    ///
    /// # Errors
    ///
    /// [`PlacementError`] when they do not fit the memory or the layout lists another number of pages.
    pub fn place(&self, needed: u64, maxmem: u64) -> Result<Vec<PhysAddr>, PlacementError> {
        let end_frame = maxmem / PAGE_SIZE;
        let available = end_frame.saturating_sub(FIRST_FREE.raw() / PAGE_SIZE);
        if needed > available {
            return Err(PlacementError::MemoryTooSmall { needed, available });
        }
        let pages: Vec<_> = match self {
            Self::Contiguous { start } => {
                let first = start.map_or_else(|| middle_frame(needed, end_frame), |addr| addr.raw() / PAGE_SIZE);
                (first..first.saturating_add(needed)).map(frame_start).collect()
            }
            Self::Scattered { seed } => draw(needed, available, *seed),
            Self::Pages(pages) if pages.len() as u64 == needed => pages.clone(),
            Self::Pages(pages) => return Err(PlacementError::WrongPageCount { given: pages.len(), needed }),
        };
        match pages.iter().find(|page| page.raw() / PAGE_SIZE >= end_frame) {
            Some(&page) => Err(PlacementError::BeyondMemory { page, maxmem }),
            None => Ok(pages),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contiguous { start: None } => f.write_str("contiguous"),
            Self::Contiguous { start: Some(start) } => write!(f, "contiguous:{start}"),
            Self::Scattered { seed } => write!(f, "scattered:{seed}"),
            Self::Pages(pages) => {
                let pages: Vec<_> = pages.iter().map(ToString::to_string).collect();
                write!(f, "pages={}", pages.join(","))
            }
        }
    }
}

/// The middle of memory, or the last place where the buffer still fits.
fn middle_frame(needed: u64, end_frame: u64) -> u64 {
    (end_frame / 2).max(FIRST_FREE.raw() / PAGE_SIZE).min(end_frame - needed)
}

/// `needed` different frames of `available`, by as many steps of a Fisher–Yates shuffle; only moved frames are kept.
fn draw(needed: u64, available: u64, seed: u64) -> Vec<PhysAddr> {
    let first_free = FIRST_FREE.raw() / PAGE_SIZE;
    let mut random = SplitMix64 { state: seed };
    let mut moved: HashMap<u64, u64> = HashMap::new();
    let mut drawn = Vec::new();
    for step in 0..needed {
        let chosen = step + random.below(available - step);
        let here = moved.get(&step).copied().unwrap_or(step);
        let frame = moved.insert(chosen, here).unwrap_or(chosen);
        drawn.push(frame_start(first_free + frame));
    }
    drawn
}

fn frame_start(frame: u64) -> PhysAddr {
    PhysAddr::new(frame.saturating_mul(PAGE_SIZE))
}

/// Steele, Lea and Flood's generator: one word of state, and every seed gives a good sequence.
struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`; the bias of at most `end / 2^64` does not matter for page frames.
    fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const GIB: u64 = 1 << 30;

    #[test]
    fn forms() {
        let check = |text, layout| assert_eq!(parse_layout(text), Ok(layout), "{text}");
        check("contiguous", Layout::Contiguous { start: None });
        check("contiguous:0x12345200", Layout::Contiguous { start: Some(PhysAddr::new(0x1234_5200)) });
        check("contiguous:4G", Layout::Contiguous { start: Some(PhysAddr::new(4 * GIB)) });
        check("scattered", Layout::Scattered { seed: 0 });
        check("scattered:7", Layout::Scattered { seed: 7 });
        check("pages=0x1000,0x3000", Layout::Pages(vec![PhysAddr::new(0x1000), PhysAddr::new(0x3000)]));
        for text in ["contiguous", "contiguous:0x12345200", "scattered:7", "pages=0x1000,0x3000"] {
            assert_eq!(parse_layout(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn errors_name_the_part() {
        let check = |text, message: &str| {
            let error = parse_layout(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        };
        check("", "`` is no layout; expected contiguous[:ADDR]");
        check("scatered:7", "`scatered:7` is no layout");
        check("scattered:x", "`x` does not begin with a number");
        check("pages=", "empty");
        check("pages=0x1000,", "empty");
        check("pages=0x1200", "0x1200 does not begin a page; write 0x1000");
    }

    #[test]
    fn contiguous_pages_begin_in_the_middle_of_memory() {
        let layout = Layout::Contiguous { start: None };
        let place = |needed, maxmem| layout.place(needed, maxmem).unwrap()[0].raw();
        assert_eq!(place(33, 9 * GIB), 0x1_2000_0000);
        assert_eq!(place(33, 2 << 20), 0x10_0000);
        assert_eq!(place(300, 3 << 20), 0x18_0000);
        assert_eq!(place(500, 3 << 20), (768 - 500) * PAGE_SIZE);
    }

    #[test]
    fn scattered_pages_are_different_and_repeatable() {
        let scatter = |seed, needed, maxmem| Layout::Scattered { seed }.place(needed, maxmem).unwrap();
        assert_eq!(scatter(7, 100, 9 * GIB), scatter(7, 100, 9 * GIB));
        assert_ne!(scatter(7, 100, 9 * GIB), scatter(8, 100, 9 * GIB));
        let all: HashSet<_> = scatter(7, 256, 2 << 20).into_iter().collect();
        assert_eq!(all.len(), 256, "all of the memory there is");
        assert!(scatter(7, 100, 9 * GIB).iter().any(|page| page.raw() > 8 * GIB));
    }

    #[test]
    fn what_does_not_fit() {
        let check = |layout: Layout, needed, maxmem, error| assert_eq!(layout.place(needed, maxmem), Err(error));
        let page = PhysAddr::new(0x1000);
        check(Layout::Pages(vec![page]), 2, GIB, PlacementError::WrongPageCount { given: 1, needed: 2 });
        let far = PhysAddr::new(GIB);
        check(Layout::Pages(vec![far]), 1, GIB, PlacementError::BeyondMemory { page: far, maxmem: GIB });
        let contiguous = Layout::Contiguous { start: Some(PhysAddr::new(u64::MAX)) };
        check(contiguous, 1, GIB, PlacementError::BeyondMemory { page: PhysAddr::MAX.page_start(), maxmem: GIB });
        let scattered = Layout::Scattered { seed: 0 };
        check(scattered, 257, 2 << 20, PlacementError::MemoryTooSmall { needed: 257, available: 256 });
    }
}
