//! What the kernel tells of limits, addresses and the pool, in the form that captures have.

use super::steps::Bench;
use super::{GuestError, names_in, read};
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const QUEUE_LIMITS: [&str; 10] = [
    "max_segments",
    "max_segment_size",
    "max_hw_sectors_kb",
    "max_sectors_kb",
    "dma_alignment",
    "virt_boundary_mask",
    "logical_block_size",
    "nr_requests",
    "rotational",
    "scheduler",
];

const POOL_COUNTERS: [&str; 3] = ["io_tlb_nslabs", "io_tlb_used", "io_tlb_used_hiwater"];

/// Words of kernel messages that have to do with DMA.
const DMA_WORDS: [&str; 8] = ["DMA", "dma", "swiotlb", "IO TLB", "IOMMU", "iommu", "DMAR", "ommand line"];

/// Longest kernel message, as /dev/kmsg hands them out.
const LONGEST_MESSAGE: usize = 8192;

/// Keeps everything that is known at the end.
pub(super) fn collect(bench: &mut Bench) -> Result<(), GuestError> {
    bench.put("queue.txt", queues()?);
    bench.put("pci.txt", devices()?);
    bench.put("iomem.txt", read("/proc/iomem")?);
    bench.put("uname.txt", read("/proc/version")?);
    let messages = messages()?;
    let of_dma = messages.iter().filter(|line| DMA_WORDS.iter().any(|word| line.contains(word)));
    bench.put("dmesg-dma.txt", text(of_dma));
    bench.put("dmesg.txt", text(&messages));
    Ok(())
}

/// The bounce pool's counters, each with `label` before it; nothing where there is no pool.
pub(super) fn pool(label: &str) -> Result<String, GuestError> {
    let folder = Path::new("/sys/kernel/debug/swiotlb");
    // The folder is there even where the pool is not.
    if !folder.join(POOL_COUNTERS[0]).exists() {
        return Ok(String::new());
    }
    let mut lines = Vec::new();
    for counter in POOL_COUNTERS {
        lines.push(format!("{label} {counter}={}", read(folder.join(counter))?.trim()));
    }
    Ok(text(&lines))
}

/// `DISK LIMIT=VALUE` a line.
fn queues() -> Result<String, GuestError> {
    let all = Path::new("/sys/block");
    let mut lines = Vec::new();
    for disk in names_in(all)? {
        for limit in QUEUE_LIMITS {
            // Disks above others have no queue of their own, and so not all limits.
            if let Ok(value) = fs::read_to_string(all.join(&disk).join("queue").join(limit)) {
                lines.push(format!("{disk} {limit}={}", value.trim()));
            }
        }
        let device = fs::canonicalize(all.join(&disk)).map_err(GuestError::file(all.join(&disk)))?;
        lines.push(format!("{disk} device={}", device.display()));
    }
    Ok(text(&lines))
}

/// A PCI device a line, with its masks, driver and IOMMU group.
fn devices() -> Result<String, GuestError> {
    let all = Path::new("/sys/bus/pci/devices");
    let mut lines = Vec::new();
    for address in names_in(all)? {
        let mut words = vec![address.clone()];
        for fact in ["vendor", "device", "class", "dma_mask_bits", "consistent_dma_mask_bits"] {
            words.push(format!("{fact}={}", read(all.join(&address).join(fact))?.trim()));
        }
        let driver = link_name(&all.join(&address).join("driver")).unwrap_or_else(|| "none".to_owned());
        let group = match link_name(&all.join(&address).join("iommu_group")) {
            Some(group) => {
                let kind = read(Path::new("/sys/kernel/iommu_groups").join(&group).join("type"))?;
                format!("{group}:{}", kind.trim())
            }
            None => "none".to_owned(),
        };
        words.extend([format!("driver={driver}"), format!("iommu_group={group}")]);
        lines.push(words.join(" "));
    }
    Ok(text(&lines))
}

/// The lines as a file has them.
fn text<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

fn link_name(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_string_lossy().into_owned())
}

/// All kernel messages so far, each with its time in seconds.
fn messages() -> Result<Vec<String>, GuestError> {
    let path = "/dev/kmsg";
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let mut log = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(GuestError::file(path))?;
    let mut lines = Vec::new();
    let mut record = vec![0; LONGEST_MESSAGE];
    while let Some(len) = next_record(&mut log, &mut record) {
        let record = String::from_utf8_lossy(record.get(..len).unwrap_or_default());
        lines.push(readable(&record));
    }
    Ok(lines)
}

/// The length of the next record; none when all were read.
fn next_record(log: &mut File, record: &mut [u8]) -> Option<usize> {
    log.read(record).ok().filter(|&len| len > 0)
}

/// `LEVEL,NUMBER,MICROSECONDS,FLAGS;TEXT` and further lines of properties, as dmesg shows it.
fn readable(record: &str) -> String {
    let (prefix, rest) = record.split_once(';').unwrap_or(("", record));
    let text = rest.lines().next().unwrap_or_default();
    let micros: u64 = prefix.split(',').nth(2).and_then(|time| time.parse().ok()).unwrap_or(0);
    format!("[{:5}.{:06}] {text}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_a_line() {
        let check = |record: &str, line: &str| assert_eq!(readable(record), line);
        check("6,339,5140900,-;NET: Registered\n SUBSYSTEM=acpi\n", "[    5.140900] NET: Registered");
        check("4,1,0,-;a;b\n", "[    0.000000] a;b");
        check("", "[    0.000000] ");
    }
}
