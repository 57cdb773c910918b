//! Sync: copies between clients and bounce pages, and arm64's cache operations.

use super::{CacheRange, PAGE, Piece, Reference, Source};
use crate::answer::{Answer, MapNo, SyncView};
use busdma_engine::addr::{AddressSpace, BusAddr, BusSize, VirtAddr};
use busdma_engine::constraints::TagFlags;
use busdma_engine::decision::CopyDirection;
use busdma_engine::error::KernelPanic;
use busdma_engine::profile::KernelAssertions;
use busdma_engine::sync::{BounceCopy, CacheOp, CacheOpKind, CopyFit, SyncOps};

/// Where arm64's kernel sees all of physical memory.
const DIRECT_MAP: u64 = 0xffff_f800_0000_0000;

/// Bytes of an arm64 cache line.
const CACHE_LINE: u64 = 64;

impl Reference {
    /// `bus_dmamap_sync`.
    pub(super) fn copy_and_maintain(&mut self, map: MapNo, ops: SyncOps) -> Answer {
        let mut view = SyncView::default();
        let outcome = if self.kernel.is_arm64() {
            self.sync_arm64(map, ops, &mut view)
        } else {
            self.sync_amd64(map, ops, &mut view)
        };
        match outcome {
            Ok(()) => Answer::Synced(view),
            Err(panic) => Answer::Panic(panic),
        }
    }

    fn sync_amd64(&mut self, map: MapNo, ops: SyncOps, view: &mut SyncView) -> Result<(), KernelPanic> {
        let pieces = self.maps[&map].pieces.clone();
        if pieces.is_empty() {
            return Ok(());
        }
        // One cursor serves both loops: whichever runs first uses the pieces up.
        let mut left = pieces.into_iter();
        for (op, direction) in
            [(SyncOps::PRE_WRITE, CopyDirection::ToBounce), (SyncOps::POST_READ, CopyDirection::FromBounce)]
        {
            if ops.contains(op) {
                for piece in left.by_ref() {
                    self.copy_amd64(&piece, direction, view)?;
                }
                self.count_sync(map);
            }
        }
        Ok(())
    }

    fn sync_arm64(&mut self, map: MapNo, ops: SyncOps, view: &mut SyncView) -> Result<(), KernelPanic> {
        if ops == SyncOps::POST_WRITE {
            return Ok(());
        }
        let pieces = self.maps[&map].pieces.clone();
        if !pieces.is_empty() {
            self.sync_pieces_arm64(map, pieces, ops, view);
        }
        if self.maps[&map].range_count > 0 {
            maintenance(ops)?;
        }
        for range in self.maps[&map].ranges.clone() {
            maintain_range(&range, ops, view)?;
        }
        Ok(())
    }

    fn sync_pieces_arm64(&mut self, map: MapNo, pieces: Vec<Piece>, ops: SyncOps, view: &mut SyncView) {
        let coherent = self.tag_of(map).flags.contains(TagFlags::COHERENT);
        let mut left = pieces.into_iter();
        let maintain = |view: &mut SyncView, kind, piece: &Piece| {
            if !coherent {
                view.cache.push(cache_op(kind, DIRECT_MAP + piece.bus, piece.len));
            }
        };
        if ops.contains(SyncOps::PRE_WRITE) {
            for piece in left.by_ref() {
                self.copy_arm64(&piece, CopyDirection::ToBounce, view);
                maintain(view, CacheOpKind::WriteBack, &piece);
            }
            self.count_sync(map);
        } else if ops.contains(SyncOps::PRE_READ) {
            for piece in left.by_ref() {
                maintain(view, CacheOpKind::WriteBackInvalidate, &piece);
            }
        }
        if ops.contains(SyncOps::POST_READ) {
            for piece in left.by_ref() {
                maintain(view, CacheOpKind::Invalidate, &piece);
                self.copy_arm64(&piece, CopyDirection::FromBounce, view);
            }
            self.count_sync(map);
        }
    }

    fn count_sync(&mut self, map: MapNo) {
        self.pool_of(map).expect("a map with pages has a pool").bounced += 1;
    }

    fn copy_amd64(&mut self, piece: &Piece, direction: CopyDirection, view: &mut SyncView) -> Result<(), KernelPanic> {
        let Source::Pages { second } = piece.source else {
            self.copy_whole(piece, direction, view);
            return Ok(());
        };
        let in_first = piece.len.min(PAGE - piece.client % PAGE);
        let mut copied = in_first;
        self.move_bytes(piece, (0, in_first), piece.client, direction);
        if let Some(second) = second {
            self.move_bytes(piece, (in_first, piece.len), second, direction);
            copied = piece.len;
        }
        if copied != piece.len && self.assertions == KernelAssertions::On {
            return Err(KernelPanic::BounceSizeMismatch);
        }
        self.find_overrun(piece, copied);
        view.copies.push(copy_of(piece, copied, direction));
        Ok(())
    }

    /// arm64 knows no second page: a copy without a kernel address runs on into the physical page behind.
    fn copy_arm64(&mut self, piece: &Piece, direction: CopyDirection, view: &mut SyncView) {
        self.copy_whole(piece, direction, view);
    }

    fn copy_whole(&mut self, piece: &Piece, direction: CopyDirection, view: &mut SyncView) {
        match piece.source {
            Source::Pages { .. } => self.move_bytes(piece, (0, piece.len), piece.client, direction),
            Source::Kernel(start) => {
                let mut done = 0;
                while done < piece.len {
                    let vaddr = start + done;
                    let next = piece.len.min(done + PAGE - vaddr % PAGE);
                    self.move_bytes(piece, (done, next), self.translate(AddressSpace::Kernel, vaddr), direction);
                    done = next;
                }
            }
        }
        self.find_overrun(piece, piece.len);
        view.copies.push(copy_of(piece, piece.len, direction));
    }

    /// Copies the piece's bytes from the first to before the second of a pair of indices, the first of which the client has
    /// at `client`. What lies behind the end of the bounce page is dropped.
    fn move_bytes(&mut self, piece: &Piece, (from, to): (u64, u64), client: u64, direction: CopyDirection) {
        let room = PAGE - piece.bus % PAGE;
        let len = to.min(room).saturating_sub(from);
        let bounce = piece.bus + from;
        let (source, target) = match direction {
            CopyDirection::ToBounce => (client, bounce),
            CopyDirection::FromBounce => (bounce, client),
        };
        let bytes = self.machine.read(source, len);
        self.machine.write(target, &bytes);
    }
}

fn copy_of(piece: &Piece, len: u64, direction: CopyDirection) -> BounceCopy {
    let fits = piece.bus % PAGE + len <= PAGE;
    BounceCopy {
        direction,
        bounce: BusAddr::new(piece.bus),
        len: BusSize::new(len),
        fit: if fits { CopyFit::Fits } else { CopyFit::Overruns },
    }
}

fn cache_op(kind: CacheOpKind, addr: u64, len: u64) -> CacheOp {
    CacheOp { kind, addr: VirtAddr::new(addr), len: BusSize::new(len) }
}

/// arm64: what is done to the ranges of a map.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Maintenance {
    WriteBack,
    SaveEdgesAndInvalidate,
    Invalidate,
}

fn maintenance(ops: SyncOps) -> Result<Maintenance, KernelPanic> {
    if ops == SyncOps::PRE_WRITE || ops == SyncOps::PRE_WRITE | SyncOps::PRE_READ {
        Ok(Maintenance::WriteBack)
    } else if ops == SyncOps::PRE_READ {
        Ok(Maintenance::SaveEdgesAndInvalidate)
    } else if ops == SyncOps::POST_READ || ops == SyncOps::POST_READ | SyncOps::POST_WRITE {
        Ok(Maintenance::Invalidate)
    } else {
        Err(KernelPanic::UnsupportedSyncOperations)
    }
}

/// arm64: keeps one range coherent; without a kernel address page by page through the direct map.
fn maintain_range(range: &CacheRange, ops: SyncOps, view: &mut SyncView) -> Result<(), KernelPanic> {
    let mut pieces = vec![(range.vaddr, range.len)];
    if range.vaddr == 0 {
        pieces.clear();
        let mut at = range.paddr;
        while at < range.paddr + range.len {
            let len = (PAGE - at % PAGE).min(range.paddr + range.len - at);
            pieces.push((DIRECT_MAP + at, len));
            at += len;
        }
    }
    for (addr, len) in pieces {
        match maintenance(ops)? {
            Maintenance::WriteBack => view.cache.push(cache_op(CacheOpKind::WriteBack, addr, len)),
            Maintenance::Invalidate => view.cache.push(cache_op(CacheOpKind::Invalidate, addr, len)),
            Maintenance::SaveEdgesAndInvalidate => {
                // Lines shared with a neighbour are saved first.
                if !addr.is_multiple_of(CACHE_LINE) {
                    view.cache.push(cache_op(CacheOpKind::WriteBack, addr, 1));
                }
                if !(addr + len).is_multiple_of(CACHE_LINE) {
                    view.cache.push(cache_op(CacheOpKind::WriteBack, addr + len, 1));
                }
                view.cache.push(cache_op(CacheOpKind::Invalidate, addr, len));
            }
        }
    }
    Ok(())
}
