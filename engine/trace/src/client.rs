//! The client bytes of a request: which bytes the driver means, in order, whatever becomes of the load.

use crate::error::OperationError;
use crate::machine::{Fnv1a, PageTables, Pattern, TraceMachine};
use busdma_engine::{
    AddressSpace, Bio, BusSize, Ccb, CcbData, CcbDirection, CcbFunction, Mbuf, Mem, MemDesc, PAGE_SIZE, PhysAddr,
    PhysRange, Uio, UioSpace, VirtAddr, VirtRange,
};

/// Most bytes that one operation reads or writes; more is refused.
pub const BYTES_MAX: u64 = 256 << 20;

/// A run of client bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientRange {
    /// Virtual memory.
    Virtual(AddressSpace, VirtRange),
    /// Physical memory.
    Physical(PhysRange),
}

impl ClientRange {
    fn len(&self) -> u64 {
        match self {
            Self::Virtual(_, range) => range.len.raw(),
            Self::Physical(range) => range.len.raw(),
        }
    }
}

/// Calls `visit` with each run of client bytes of a request, in order.
pub fn for_each_range(desc: &MemDesc<'_>, visit: &mut impl FnMut(ClientRange)) {
    match desc {
        MemDesc::Buffer(range) => kernel(*range, visit),
        MemDesc::Bio(bio) => bio_ranges(bio, visit),
        MemDesc::Ccb(Ccb { direction: CcbDirection::None, .. }) => {}
        MemDesc::Ccb(ccb) => ccb_ranges(ccb, visit),
        MemDesc::Mbuf(mbuf) | MemDesc::MbufSg(mbuf) => mbuf_ranges(mbuf, visit),
        MemDesc::Uio(uio) => uio_ranges(uio, visit),
        MemDesc::Mem(mem) => match mem {
            Mem::Vaddr(range) => kernel(*range, visit),
            Mem::Paddr(range) => physical(*range, visit),
            Mem::Vlist(list) => list.iter().for_each(|&range| kernel(range, visit)),
            Mem::Plist(list) => list.iter().for_each(|&range| physical(range, visit)),
            Mem::Bio(bio) => bio_ranges(bio, visit),
            Mem::Uio(uio) => uio_ranges(uio, visit),
            Mem::Mbuf(mbuf) => mbuf_ranges(mbuf, visit),
            Mem::Ccb(ccb) => ccb_ranges(ccb, visit),
        },
    }
}

/// How many client bytes a request has.
///
/// # Errors
/// [`OperationError::TooManyBytes`] when there are more than [`BYTES_MAX`].
pub fn byte_count(desc: &MemDesc<'_>) -> Result<u64, OperationError> {
    let mut bytes = 0_u64;
    for_each_range(desc, &mut |range| bytes = bytes.saturating_add(range.len()));
    within_limit(bytes)
}

/// Writes a pattern into the client bytes of a request; says how many there are.
///
/// # Errors
/// [`OperationError::TooManyBytes`], [`OperationError::NotMapped`].
pub fn fill(desc: &MemDesc<'_>, seed: u64, machine: &mut TraceMachine) -> Result<u64, OperationError> {
    let bytes = byte_count(desc)?;
    let mut pattern = Pattern::new(seed);
    let (tables, memory) = machine.split_mut();
    let mut outcome = Ok(());
    for_each_range(desc, &mut |range| {
        if outcome.is_ok() {
            outcome = for_each_phys(range, tables, |start, len| memory.write_pattern(start, len, &mut pattern));
        }
    });
    outcome.map(|()| bytes)
}

/// The hash of the client bytes of a request, `None` when there are none.
///
/// # Errors
/// [`OperationError::TooManyBytes`], [`OperationError::NotMapped`].
pub fn hash(desc: &MemDesc<'_>, machine: &TraceMachine) -> Result<Option<u64>, OperationError> {
    let bytes = byte_count(desc)?;
    let mut hash = Fnv1a::new();
    let mut outcome = Ok(());
    for_each_range(desc, &mut |range| {
        if outcome.is_ok() {
            outcome = for_each_phys(range, machine.tables(), |start, len| machine.memory().hash(start, len, &mut hash));
        }
    });
    outcome.map(|()| (bytes > 0).then(|| hash.finish()))
}

/// `bytes`, unless there are too many.
///
/// # Errors
/// [`OperationError::TooManyBytes`] when there are more than [`BYTES_MAX`].
pub(crate) fn within_limit(bytes: u64) -> Result<u64, OperationError> {
    if bytes > BYTES_MAX { Err(OperationError::TooManyBytes { bytes, limit: BYTES_MAX }) } else { Ok(bytes) }
}

fn kernel(range: VirtRange, visit: &mut impl FnMut(ClientRange)) {
    visit(ClientRange::Virtual(AddressSpace::Kernel, range));
}

fn physical(range: PhysRange, visit: &mut impl FnMut(ClientRange)) {
    visit(ClientRange::Physical(range));
}

fn bio_ranges(bio: &Bio<'_>, visit: &mut impl FnMut(ClientRange)) {
    match *bio {
        Bio::Mapped(range) => kernel(range, visit),
        Bio::Unmapped { pages, offset, bcount } => {
            let (mut offset, mut left) = (u64::from(offset).min(PAGE_SIZE), bcount.raw());
            for page in pages {
                let len = left.min(PAGE_SIZE - offset);
                physical(PhysRange { start: page.wrapping_add(BusSize::new(offset)), len: BusSize::new(len) }, visit);
                offset = 0;
                left -= len;
            }
        }
        Bio::Vlist { list, offset, bcount } => up_to(list, AddressSpace::Kernel, offset.raw(), bcount.raw(), visit),
    }
}

fn ccb_ranges(ccb: &Ccb<'_>, visit: &mut impl FnMut(ClientRange)) {
    let dxfer_len = BusSize::new(u64::from(ccb.dxfer_len));
    let entries = match ccb.function {
        CcbFunction::AtaIo => 0,
        _ => usize::from(ccb.sglist_cnt),
    };
    match ccb.data {
        CcbData::Vaddr(start) => kernel(VirtRange { start, len: dxfer_len }, visit),
        CcbData::Paddr(start) => physical(PhysRange { start, len: dxfer_len }, visit),
        CcbData::Sg(list) => {
            let list = &list[..entries.min(list.len())];
            up_to(list, AddressSpace::Kernel, 0, dxfer_len.raw(), visit);
        }
        CcbData::SgPaddr(list) => list.iter().take(entries).for_each(|&range| physical(range, visit)),
        CcbData::Bio(bio) => bio_ranges(&bio, visit),
        CcbData::Invalid => {}
    }
}

fn mbuf_ranges(mbuf: &Mbuf<'_>, visit: &mut impl FnMut(ClientRange)) {
    mbuf.chain.iter().for_each(|&range| kernel(range, visit));
}

fn uio_ranges(uio: &Uio<'_>, visit: &mut impl FnMut(ClientRange)) {
    let space = match uio.space {
        UioSpace::Kernel => AddressSpace::Kernel,
        UioSpace::User | UioSpace::UserWithoutThread => AddressSpace::User,
    };
    up_to(uio.iov, space, 0, uio.resid.raw(), visit);
}

/// The list without the first `skip` bytes of its first range, cut to `len` bytes.
fn up_to(list: &[VirtRange], space: AddressSpace, skip: u64, len: u64, visit: &mut impl FnMut(ClientRange)) {
    let (mut skip, mut left) = (skip, len);
    for range in list {
        let skipped = skip.min(range.len.raw());
        let len = (range.len.raw() - skipped).min(left);
        let start = range.start.wrapping_add(BusSize::new(skipped));
        visit(ClientRange::Virtual(space, VirtRange { start, len: BusSize::new(len) }));
        skip = 0;
        left -= len;
    }
}

/// Calls `visit` with the physical pieces of a run of client bytes.
fn for_each_phys(
    range: ClientRange,
    tables: &PageTables,
    mut visit: impl FnMut(PhysAddr, BusSize),
) -> Result<(), OperationError> {
    match range {
        ClientRange::Physical(range) => visit(range.start, range.len),
        ClientRange::Virtual(space, range) => {
            for (start, len) in pages_of(range) {
                visit(tables.translate(space, start).ok_or(OperationError::NotMapped { vaddr: start.raw() })?, len);
            }
        }
    }
    Ok(())
}

/// A virtual range cut at page boundaries.
fn pages_of(range: VirtRange) -> impl Iterator<Item = (VirtAddr, BusSize)> {
    let (mut at, mut left) = (range.start, range.len.raw());
    std::iter::from_fn(move || {
        let len = BusSize::new(left.min(at.left_in_page().raw()));
        (left > 0).then(|| {
            let start = at;
            at = at.wrapping_add(len);
            left -= len.raw();
            (start, len)
        })
    })
}
