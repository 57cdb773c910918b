//! Finds the array of page structures: touches fresh pages while the kernel samples what it gives, and asks
//! `/proc/self/pagemap` where they are.

#![expect(unsafe_code, reason = "pages are had and touched through mmap")]

use super::{FrameFailure, FrameSource, Frames};
use crate::kernel::Kernel;
use crate::privileges;
use crate::status::Capability;
use busdma_ebpf::common::map::Calibration;
use rustc_hash::FxHashMap;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::{io, ptr};

/// Pages that are touched. A few more structures are sampled: page tables are pages, too.
const PAGES: usize = 256;

/// Where x86-64 puts the array: `PUD_SIZE`, the step of its address randomisation (`arch/x86/mm/kaslr.c`).
const ARRAY_ALIGNMENT: u64 = 1 << 30;

pub(super) fn calibrate(kernel: &mut Kernel) -> Result<(Frames, FrameSource), FrameFailure> {
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let (samples, frames) = sample(kernel).map_err(|error| FrameFailure::NotSampled { error: error.into() })?;
    let count = usize::try_from(samples.count).unwrap_or(usize::MAX);
    let structs = samples.pages.get(..count).unwrap_or(&samples.pages);
    let struct_bytes = u64::from(samples.page_struct_bytes);
    if structs.len() < PAGES / 2 || struct_bytes == 0 {
        return Err(FrameFailure::NotSampled { error: format!("{} of {PAGES} pages", structs.len()).into() });
    }
    let found = |base| Frames { base, struct_bytes, page_bytes };
    if frames.is_empty() {
        let base = aligned_base(structs, struct_bytes, last_frame());
        let denied = FrameFailure::Denied { capability: Capability::SysAdmin };
        return base.map(|base| (found(base), FrameSource::Alignment)).ok_or(denied);
    }
    let base = paired_base(structs, &frames, struct_bytes)?;
    Ok((found(base), FrameSource::Pagemap))
}

/// The structures that were sampled, and the frames of the touched pages: none when nobody may know them.
fn sample(kernel: &mut Kernel) -> Result<(Calibration, Vec<u64>), String> {
    let pages = FreshPages::new().map_err(|error| error.to_string())?;
    let thread = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).unwrap_or_default();
    let samples = kernel.sample_pages(thread, || pages.touch()).map_err(|error| error.to_string())?;
    let frames = if privileges::has(Capability::SysAdmin) { pages.frames().unwrap_or_default() } else { Vec::new() };
    Ok((samples, frames))
}

/// The one place that gives every frame a structure that was sampled.
fn paired_base(structs: &[u64], frames: &[u64], struct_bytes: u64) -> Result<u64, FrameFailure> {
    let mut votes: FxHashMap<u64, usize> = FxHashMap::default();
    for page_struct in structs {
        for frame in frames {
            *votes.entry(page_struct.wrapping_sub(frame.wrapping_mul(struct_bytes))).or_default() += 1;
        }
    }
    let (base, explained) = votes.into_iter().max_by_key(|&(_, votes)| votes).unwrap_or_default();
    // A page may move between its fault and the question where it is.
    if explained * 10 >= frames.len() * 9 {
        Ok(base)
    } else {
        Err(FrameFailure::Scattered { explained, pages: frames.len() })
    }
}

/// The one place that x86-64 can have put the array, when all of it lies within one step of the randomisation.
fn aligned_base(structs: &[u64], struct_bytes: u64, last_frame: Option<u64>) -> Option<u64> {
    let array_bytes = last_frame?.checked_add(1)?.checked_mul(struct_bytes)?;
    let lowest = structs.iter().min()?;
    (cfg!(target_arch = "x86_64") && array_bytes <= ARRAY_ALIGNMENT).then_some(lowest & !(ARRAY_ALIGNMENT - 1))
}

/// The last frame of the machine's memory.
fn last_frame() -> Option<u64> {
    let zones = fs::read_to_string("/proc/zoneinfo").ok()?;
    let mut last = None;
    let mut spanned = 0;
    for line in zones.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next().and_then(|word| word.parse::<u64>().ok())) {
            (Some("spanned"), Some(frames)) => spanned = frames,
            (Some("start_pfn:"), Some(start)) if spanned > 0 => last = last.max((start + spanned).checked_sub(1)),
            _ => {}
        }
    }
    last
}

/// Pages of this process that nobody has touched.
struct FreshPages {
    start: *mut std::ffi::c_void,
    page_bytes: usize,
}

impl FreshPages {
    fn new() -> io::Result<Self> {
        let page_bytes = rustix::param::page_size();
        let flags = MapFlags::PRIVATE;
        // SAFETY: without an address, the mapping replaces no other.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), PAGES * page_bytes, ProtFlags::READ | ProtFlags::WRITE, flags)? };
        let pages = Self { start, page_bytes };
        // SAFETY: the range is the mapping, and the advice changes no contents. Kernels without huge pages refuse it.
        let _ = unsafe { madvise(start, PAGES * page_bytes, Advice::LinuxNoHugepage) };
        Ok(pages)
    }

    fn touch(&self) {
        for page in 0..PAGES {
            // SAFETY: the offset is within the mapping, which is writable and which nobody else knows.
            unsafe { self.start.cast::<u8>().add(page * self.page_bytes).write_volatile(1) };
        }
    }

    /// The frames of the pages. See `Documentation/admin-guide/mm/pagemap.rst`: 8 bytes for each page of the process,
    /// bit 63 is set when it is there, bits 0 to 54 are its frame, and 0 for who may not know.
    fn frames(&self) -> io::Result<Vec<u64>> {
        let mut entries = [0; PAGES * 8];
        let first = self.start.addr() / self.page_bytes;
        let at = u64::try_from(first * 8).map_err(io::Error::other)?;
        File::open("/proc/self/pagemap")?.read_exact_at(&mut entries, at)?;
        let (entries, _) = entries.as_chunks::<8>();
        let entries = entries.iter().map(|entry| u64::from_ne_bytes(*entry));
        let frames = entries.filter(|entry| entry >> 63 == 1).map(|entry| entry & ((1 << 55) - 1));
        Ok(frames.filter(|&frame| frame != 0).collect())
    }
}

impl Drop for FreshPages {
    fn drop(&mut self) {
        // SAFETY: it is the mapping that `new` made, and no reference into it exists.
        let _ = unsafe { munmap(self.start, PAGES * self.page_bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ea00_0000_0000;

    fn structs(frames: impl IntoIterator<Item = u64>) -> Vec<u64> {
        frames.into_iter().map(|frame| BASE + frame * 64).collect()
    }

    #[test]
    fn frames_that_follow_each_other_and_strangers_between_do_not_mislead() {
        let frames: Vec<u64> = (1000..1256).collect();
        let sampled = structs([7].into_iter().chain(1000..1100).chain([5000]).chain(1100..1256));
        assert_eq!(paired_base(&sampled, &frames, 64), Ok(BASE));
    }

    #[test]
    fn pages_of_two_arrays_are_scattered() {
        let frames: Vec<u64> = (0..256).map(|index| index * 97 % 4001).collect();
        let mut sampled = structs(frames.iter().copied());
        sampled.iter_mut().skip(1).step_by(2).for_each(|page_struct| *page_struct += 0x1234_5640);
        assert!(matches!(paired_base(&sampled, &frames, 64), Err(FrameFailure::Scattered { pages: 256, .. })));
    }

    #[test]
    fn alignment_tells_only_where_memory_is_small() {
        let sampled = structs([77, 3]);
        assert_eq!(aligned_base(&sampled, 64, Some((1 << 24) - 1)), Some(BASE));
        assert_eq!(aligned_base(&sampled, 64, Some(1 << 24)), None);
        assert_eq!(aligned_base(&sampled, 64, None), None);
    }

    #[test]
    fn this_machine_has_a_last_frame() {
        assert!(last_frame().is_some_and(|frame| frame > 1000));
    }
}
