//! The workload's operations as the daemon takes them.
//!
//! The workload has its buffers in address space of its own, one stretch a map. Here each map has memory that the
//! daemon made, and what the workload finds at the n-th byte of a stretch lies at its n-th byte.

use anyhow::bail;
use busdma_api::engine as api;
use busdma_api::{Hex, MemoryRef};
use busdma_engine::constraints::{Boundary, LockFunction, SegmentLimit, TagFlags, TagTemplate};
use busdma_engine::memdesc::{CcbDirection, CcbFunction, PacketHeader, UioSpace, VirtRange};
use busdma_engine::{MemFlags, SyncOps, WaitPolicy};
use busdma_sim::request::{BioRequest, Buffers, CcbSource, Request};

/// Bytes of a map's memory: as many as the largest request.
pub(super) const ARENA_BYTES: u64 = 128 << 10;

/// The workload's stretches begin at multiples of this.
const STRETCH_BYTES: u64 = 1 << 24;

/// The memory of one map.
#[derive(Clone, Debug)]
pub(super) struct Arena {
    pub(super) memory: MemoryRef,
    /// Its physical pages, in order.
    pub(super) pages: Vec<Hex>,
}

/// A request on a map's memory.
#[derive(Clone, Debug)]
pub(super) struct Translated {
    pub(super) request: api::Request,
    /// Where its first bytes lie in the memory.
    pub(super) offset: u64,
    /// How many lie there in a row.
    pub(super) bytes: u64,
}

/// A request of the workload's on `arena`.
///
/// # Errors
///
/// A shape that no traffic has.
pub(super) fn request(request: &Request, arena: &Arena) -> anyhow::Result<Translated> {
    let translated = |request, first: api::Buffer| {
        let offset = first.offset.unwrap_or(0);
        Ok(Translated { request, offset, bytes: first.length })
    };
    match request {
        Request::Buffer(buffer) => {
            let buffer = on(arena, &buffer.range);
            translated(api::Request::Buffer(buffer), buffer)
        }
        Request::MbufSg(mbuf) => {
            let (chain, first) = list(arena, &mbuf.chain)?;
            let packet_length = match mbuf.header {
                PacketHeader::Present(length) => Some(length.raw()),
                PacketHeader::Missing { .. } => None,
            };
            translated(api::Request::MbufSg(api::Mbuf { packet_length, chain }), first)
        }
        Request::Uio(uio) if uio.space == UioSpace::Kernel => {
            let (iov, first) = list(arena, &uio.iov)?;
            let uio = api::Uio { resid: uio.resid.raw(), space: api::UioSpace::Kernel, iov };
            translated(api::Request::Uio(uio), first)
        }
        Request::Bio(BioRequest::Unmapped { pages, offset, bcount }) => {
            let pages = arena.pages.iter().copied().take(pages.len()).collect();
            let bio = api::UnmappedBio { pages, offset: Some(*offset), bcount: bcount.raw() };
            let first = api::Buffer { memory: arena.memory, offset: Some(u64::from(*offset)), length: bcount.raw() };
            translated(api::Request::Bio(api::Bio::Unmapped(bio)), first)
        }
        Request::Ccb(ccb) if ccb.function == CcbFunction::ScsiIo => {
            let CcbSource::Vaddr(buffer) = &ccb.source else { bail!("no traffic has {request:?}") };
            let buffer = on(arena, &buffer.range);
            let ccb = api::Ccb {
                function: api::CcbFunction::ScsiIo,
                direction: ccb_direction(ccb.direction),
                data: api::CcbData::Vaddr(buffer),
                dxfer_len: Some(ccb.dxfer_len),
                sglist_cnt: None,
            };
            translated(api::Request::Ccb(Box::new(ccb)), buffer)
        }
        other => bail!("no traffic has {other:?}"),
    }
}

fn on(arena: &Arena, range: &VirtRange) -> api::Buffer {
    let offset = range.start.raw() % STRETCH_BYTES;
    api::Buffer { memory: arena.memory, offset: Some(offset), length: range.len.raw() }
}

fn list(arena: &Arena, buffers: &Buffers) -> anyhow::Result<(Vec<api::Buffer>, api::Buffer)> {
    let buffers: Vec<_> = buffers.ranges.iter().map(|range| on(arena, range)).collect();
    match buffers.first() {
        Some(&first) => Ok((buffers, first)),
        None => bail!("no traffic has an empty list"),
    }
}

const fn ccb_direction(direction: CcbDirection) -> api::CcbDirection {
    match direction {
        CcbDirection::In => api::CcbDirection::In,
        CcbDirection::Out => api::CcbDirection::Out,
        CcbDirection::Both => api::CcbDirection::Both,
        CcbDirection::None => api::CcbDirection::None,
    }
}

/// A template; the workload's have no filter.
pub(super) fn template(template: &TagTemplate) -> api::Template {
    let flags = [
        (TagFlags::ALLOC_NOW, api::TagFlag::AllocNow),
        (TagFlags::COHERENT, api::TagFlag::Coherent),
        (TagFlags::KEEP_PAGE_OFFSET, api::TagFlag::KeepPageOffset),
    ];
    api::Template {
        alignment: Some(template.alignment.bytes()),
        boundary: Some(Hex(template.boundary.map_or(0, Boundary::bytes))),
        lowaddr: Some(Hex(template.window.lowaddr.raw())),
        highaddr: Some(Hex(template.window.highaddr.raw())),
        deny: None,
        maxsize: Some(template.maxsize.raw()),
        nsegments: match template.nsegments {
            SegmentLimit::Max(limit) => Some(limit),
            SegmentLimit::Unrestricted => None,
        },
        maxsegsz: Some(template.maxsegsz.raw()),
        flags: Some(
            flags.into_iter().filter(|&(flag, _)| template.flags.contains(flag)).map(|(_, name)| name).collect(),
        ),
        lock: match template.lock {
            LockFunction::Provided => None,
            LockFunction::PanicsWhenCalled => Some(api::Lock::Panics),
        },
    }
}

pub(super) fn sync_ops(ops: SyncOps) -> Vec<api::SyncOp> {
    let names = [
        (SyncOps::PRE_READ, api::SyncOp::PreRead),
        (SyncOps::POST_READ, api::SyncOp::PostRead),
        (SyncOps::PRE_WRITE, api::SyncOp::PreWrite),
        (SyncOps::POST_WRITE, api::SyncOp::PostWrite),
    ];
    names.into_iter().filter(|&(op, _)| ops.contains(op)).map(|(_, name)| name).collect()
}

pub(super) fn mem_flags(flags: MemFlags) -> Vec<api::MemFlag> {
    let names = [
        (MemFlags::NO_WAIT, api::MemFlag::NoWait),
        (MemFlags::COHERENT, api::MemFlag::Coherent),
        (MemFlags::ZERO, api::MemFlag::Zero),
        (MemFlags::NO_CACHE, api::MemFlag::NoCache),
    ];
    names.into_iter().filter(|&(flag, _)| flags.contains(flag)).map(|(_, name)| name).collect()
}

pub(super) const fn wait(wait: WaitPolicy) -> api::WaitPolicy {
    match wait {
        WaitPolicy::MayDefer => api::WaitPolicy::MayDefer,
        WaitPolicy::NoWait => api::WaitPolicy::NoWait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_api::{MachineId, MemoryOrigin};
    use busdma_sim::ops::Op;
    use busdma_sim::workload::{Traffic, Workload};

    #[test]
    fn every_request_of_every_traffic_fits_a_maps_memory() {
        let memory = MemoryRef { machine: MachineId::private(1), origin: MemoryOrigin::Registered, number: 0 };
        let arena = Arena { memory, pages: (0..ARENA_BYTES / 4096).map(|page| Hex(page * 8192)).collect() };
        let mut shapes = std::collections::BTreeSet::new();
        for traffic in Traffic::ALL {
            for op in Workload::new(traffic, 3).take(20_000) {
                let Op::Load { request: original, .. } = op else { continue };
                let translated = request(&original, &arena).unwrap();
                let json = serde_json::to_value(&translated.request).unwrap();
                for buffer in buffers(&json) {
                    assert!(buffer.offset.unwrap() + buffer.length <= ARENA_BYTES, "{original:?}");
                }
                if let api::Request::Bio(api::Bio::Unmapped(bio)) = &translated.request {
                    assert_eq!(bio.pages.len() as u64, bio.bcount / 4096, "whole pages");
                }
                shapes.extend(json.as_object().unwrap().keys().cloned());
            }
        }
        assert_eq!(shapes.into_iter().collect::<Vec<_>>(), ["bio", "buffer", "ccb", "mbuf_sg", "uio"]);
    }

    /// Every buffer anywhere in a request.
    fn buffers(json: &serde_json::Value) -> Vec<api::Buffer> {
        match json {
            serde_json::Value::Object(fields) if fields.contains_key("memory") => {
                vec![serde_json::from_value(json.clone()).unwrap()]
            }
            serde_json::Value::Object(fields) => fields.values().flat_map(buffers).collect(),
            serde_json::Value::Array(items) => items.iter().flat_map(buffers).collect(),
            _ => Vec::new(),
        }
    }
}
