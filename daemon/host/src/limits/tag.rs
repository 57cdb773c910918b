//! A device's limits as a tag for the engine.

use super::{DeviceLimits, QueueLimits};
use busdma_engine::{Alignment, Boundary, BusAddr, BusSize, ExclusionWindow, SegmentLimit, TagFlags, TagTemplate};

impl DeviceLimits {
    /// The tag that a driver of bus_dma(9) would make for this device.
    ///
    /// A `virt_boundary_mask` says that pieces have no gaps between them, as for devices that take a list of pages: such a
    /// list is a boundary of a page, and as many segments as a request has pages, one more for a request that begins
    /// inside one.
    pub fn tag_template(&self) -> TagTemplate {
        let queue = self.queue();
        let pages = queue.and_then(page_list);
        let most = queue.and_then(|queue| queue.max_segments).map_or(SegmentLimit::Unrestricted, segment_limit);
        let longest = queue.and_then(|queue| queue.max_segment_size).filter(|&size| size > 0);
        let unlimited = TagTemplate::default();
        TagTemplate {
            alignment: queue.and_then(alignment).unwrap_or(Alignment::BYTE),
            boundary: pages.map(|pages| pages.boundary),
            window: self.mask.map_or(ExclusionWindow::NOTHING, |mask| window_above(mask.highest())),
            maxsize: queue.and_then(largest_request).unwrap_or(unlimited.maxsize),
            nsegments: pages.map_or(most, |pages| pages.nsegments),
            maxsegsz: match pages {
                Some(pages) => BusSize::new(pages.boundary.bytes()),
                None => longest.map_or(unlimited.maxsegsz, BusSize::new),
            },
            flags: if self.min_align_mask() == 0 { TagFlags::empty() } else { TagFlags::KEEP_PAGE_OFFSET },
            ..unlimited
        }
    }

    /// What its disks keep to: the widest of each limit; `None` for a device without disks.
    pub fn queue(&self) -> Option<QueueLimits> {
        self.disks.iter().map(|disk| disk.queue).reduce(QueueLimits::wider)
    }
}

/// What a device with this mask does not reach.
pub fn window_above(highest: BusAddr) -> ExclusionWindow {
    ExclusionWindow::above(highest.to_phys())
}

/// A list of pages: what a device takes whose pieces have no gaps.
#[derive(Clone, Copy, Debug)]
struct PageList {
    boundary: Boundary,
    nsegments: SegmentLimit,
}

fn page_list(queue: QueueLimits) -> Option<PageList> {
    let mask = queue.virt_boundary_mask.filter(|&mask| mask > 0)?;
    let boundary = Boundary::new(mask.checked_add(1)?)?;
    let bytes = queue.max_hw_sectors_kb?.saturating_mul(1024);
    let pages = bytes.div_ceil(boundary.bytes()).saturating_add(1);
    Some(PageList { boundary, nsegments: segment_limit(pages) })
}

fn segment_limit(segments: u64) -> SegmentLimit {
    u32::try_from(segments).map_or(SegmentLimit::Unrestricted, SegmentLimit::from_nsegments)
}

/// `dma_alignment` is the mask of the alignment, as in `virt_boundary_mask`.
fn alignment(queue: QueueLimits) -> Option<Alignment> {
    Alignment::new(queue.dma_alignment?.checked_add(1)?)
}

fn largest_request(queue: QueueLimits) -> Option<BusSize> {
    let bytes = queue.max_hw_sectors_kb?.checked_mul(1024)?;
    (bytes > 0).then(|| BusSize::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::{AddressBits, BlockDisk};
    use super::*;

    fn limits(driver: &str, bits: u64, queue: QueueLimits) -> DeviceLimits {
        let disk = BlockDisk { name: "disk".into(), number: None, queue };
        let mask = AddressBits::new(bits);
        DeviceLimits { mask, driver: Some(driver.into()), disks: vec![disk], ..DeviceLimits::default() }
    }

    #[test]
    fn a_disk_that_takes_scatter_lists() {
        let queue = QueueLimits {
            max_segments: Some(128),
            max_segment_size: Some(65536),
            max_hw_sectors_kb: Some(256),
            dma_alignment: Some(511),
            virt_boundary_mask: Some(0),
            ..QueueLimits::default()
        };
        let tag = limits("ata_piix", 32, queue).tag_template();
        assert_eq!(tag.window.lowaddr.raw(), 0xffff_ffff);
        assert_eq!((tag.nsegments, tag.maxsegsz.raw()), (SegmentLimit::Max(128), 65536));
        assert_eq!((tag.alignment.bytes(), tag.boundary, tag.maxsize.raw()), (512, None, 256 << 10));
        assert_eq!(tag.flags, TagFlags::empty());
    }

    #[test]
    fn a_disk_that_takes_lists_of_pages() {
        let queue = QueueLimits {
            max_segments: Some(64),
            max_segment_size: Some(u64::from(u32::MAX)),
            max_hw_sectors_kb: Some(252),
            dma_alignment: Some(3),
            virt_boundary_mask: Some(4095),
            ..QueueLimits::default()
        };
        let tag = limits("nvme", 64, queue).tag_template();
        assert_eq!(tag.window, window_above(BusAddr::MAX));
        assert_eq!(tag.boundary.map(Boundary::bytes), Some(4096));
        assert_eq!((tag.nsegments, tag.maxsegsz.raw()), (SegmentLimit::Max(64), 4096));
        assert_eq!(tag.flags, TagFlags::KEEP_PAGE_OFFSET);
    }

    #[test]
    fn nothing_known_is_no_limit() {
        let tag = DeviceLimits::default().tag_template();
        assert_eq!(tag.window, ExclusionWindow::NOTHING);
        assert_eq!((tag.nsegments, tag.boundary), (SegmentLimit::Unrestricted, None));
    }
}
