//! Memory shared with `/dev/udmabuf`, a device without hardware whose mappings are exactly what one asks for.

#![expect(unsafe_code, reason = "the device is spoken to by ioctl, whose arguments only the kernel's headers describe")]

use super::scenario::Outcome;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode, Setter, opcode};
use std::ffi::c_void;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

const PAGE: usize = 4096;

/// In which order pages of the file are shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// As they lie in the file.
    InOrder,
    /// Every other page, the last one first: no two are neighbours.
    EveryOtherReversed,
}

/// Memory that is mapped for the device, given to the processor and back, and unmapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// Pages that are mapped.
    pub pages: usize,
    /// Which pages they are.
    pub layout: Layout,
    /// How many times the processor takes the memory and gives it back.
    pub syncs: usize,
}

impl Sharing {
    /// Carries it out. The mapping is made by the first sync and ends with this call.
    pub(super) fn run(&self) -> Outcome {
        self.run_around(|| Outcome::Done)
    }

    /// The same, and does `work` while the memory is mapped; what comes of that counts, if the memory could be mapped.
    pub(super) fn run_around(&self, work: impl FnOnce() -> Outcome) -> Outcome {
        self.share(work).unwrap_or_else(Outcome::Refused)
    }

    fn share(&self, work: impl FnOnce() -> Outcome) -> Result<Outcome> {
        let memory = self.memory()?;
        let device = OpenOptions::new().read(true).write(true).open("/dev/udmabuf").map_err(|error| errno(&error))?;
        let buffer = self.create(&device, &memory)?;
        for _ in 0..self.syncs {
            sync(&buffer, SyncPoint::Start)?;
            sync(&buffer, SyncPoint::End)?;
        }
        Ok(work())
    }

    fn memory(&self) -> Result<File> {
        let pages = match self.layout {
            Layout::InOrder => self.pages,
            Layout::EveryOtherReversed => 2 * self.pages,
        };
        let file = File::from(rustix::fs::memfd_create("lab", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        for page in 0..pages {
            file.write_all_at(&[0x5a; PAGE], (page * PAGE) as u64).map_err(|error| errno(&error))?;
        }
        // The device takes no memory that could vanish under it.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK)?;
        Ok(file)
    }

    fn create(&self, device: &File, memory: &File) -> Result<OwnedFd> {
        let memfd = memory.as_raw_fd().cast_unsigned();
        let list = match self.layout {
            Layout::InOrder => vec![Item { memfd, reserved: 0, offset: 0, size: (self.pages * PAGE) as u64 }],
            Layout::EveryOtherReversed => (0..self.pages)
                .rev()
                .map(|page| Item { memfd, reserved: 0, offset: (2 * page * PAGE) as u64, size: PAGE as u64 })
                .collect(),
        };
        let mut argument = Vec::with_capacity(LIST_HEADER + list.len() * size_of::<Item>());
        argument.extend_from_slice(&CREATE_CLOEXEC.to_ne_bytes());
        argument.extend_from_slice(&u32::try_from(list.len()).map_err(|_| Errno::TOOBIG)?.to_ne_bytes());
        for item in &list {
            argument.extend_from_slice(&item.to_bytes());
        }
        // SAFETY: the argument is a list header and as many items as it counts, which is what this ioctl reads.
        unsafe { ioctl::ioctl(device, CreateList { argument }) }
    }
}

impl Display for Sharing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let layout = match self.layout {
            Layout::InOrder => "in-order",
            Layout::EveryOtherReversed => "every-other-reversed",
        };
        write!(f, "share udmabuf pages={} layout={layout} syncs={}", self.pages, self.syncs)
    }
}

/// `struct udmabuf_create_item`: a range of a memory file.
struct Item {
    memfd: u32,
    reserved: u32,
    offset: u64,
    size: u64,
}

impl Item {
    fn to_bytes(&self) -> [u8; size_of::<Self>()] {
        let mut bytes = [0; size_of::<Self>()];
        let halves = [self.memfd, self.reserved];
        let fields = halves.into_iter().flat_map(u32::to_ne_bytes);
        let words = [self.offset, self.size];
        for (byte, value) in bytes.iter_mut().zip(fields.chain(words.into_iter().flat_map(u64::to_ne_bytes))) {
            *byte = value;
        }
        bytes
    }
}

/// UDMABUF_FLAGS_CLOEXEC of `linux/udmabuf.h`.
const CREATE_CLOEXEC: u32 = 1;

/// `struct udmabuf_create_list` without its items: flags and count.
const LIST_HEADER: usize = 8;

/// UDMABUF_CREATE_LIST of `linux/udmabuf.h`; gives the buffer's descriptor.
struct CreateList {
    argument: Vec<u8>,
}

// SAFETY: the opcode is that of UDMABUF_CREATE_LIST, which reads the list that the pointer leads to, writes nothing, and
// returns a new descriptor that nobody else owns.
unsafe impl Ioctl for CreateList {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        opcode::from_components(ioctl::Direction::Write, b'u', 0x43, LIST_HEADER)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> Result<OwnedFd> {
        // SAFETY: the call succeeded, so its value is a descriptor that was made for this caller.
        Ok(unsafe { OwnedFd::from_raw_fd(output) })
    }
}

/// Where the processor's access begins or ends.
#[derive(Clone, Copy)]
enum SyncPoint {
    Start,
    End,
}

/// DMA_BUF_SYNC_RW and DMA_BUF_SYNC_END of `linux/dma-buf.h`.
const SYNC_READ_WRITE: u64 = 3;
const SYNC_END: u64 = 1 << 2;

const SYNC: Opcode = opcode::write::<u64>(b'b', 0);

fn sync(buffer: &OwnedFd, point: SyncPoint) -> Result<()> {
    let flags = match point {
        SyncPoint::Start => SYNC_READ_WRITE,
        SyncPoint::End => SYNC_READ_WRITE | SYNC_END,
    };
    // SAFETY: DMA_BUF_IOCTL_SYNC reads `struct dma_buf_sync`, which is one u64 of flags, and writes nothing.
    let request = unsafe { Setter::<SYNC, u64>::new(flags) };
    // SAFETY: as above; the descriptor is a dma-buf's.
    unsafe { ioctl::ioctl(buffer, request) }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_laid_out_as_the_kernel_reads_them() {
        let item = Item { memfd: 3, reserved: 0, offset: 0x2000, size: 0x1000 };
        let mut expected = [0; 24];
        expected[0] = 3;
        expected[9] = 0x20;
        expected[17] = 0x10;
        assert_eq!(item.to_bytes(), expected);
    }
}
