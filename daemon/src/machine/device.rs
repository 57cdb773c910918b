//! The device's side of a mapping: bytes of one segment, and of nothing else.

use super::Machine;
use super::failure::exceeded;
use super::owner::{Caller, Owner};
use super::syncs::COPIED_AT_ONCE;
use crate::config::Scope;
use busdma_api::MapRef;
use busdma_api::engine::EngineError;
use busdma_engine::{BusSize, MapId, PhysAddr, Segment};
use busdma_memory::{OwnerId, Span};

/// Which bytes of a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceAccess {
    pub(crate) map: MapRef,
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    /// To the segment's end when `None`.
    pub(crate) length: Option<u64>,
}

impl Machine {
    /// Reads what the device sees.
    pub(crate) fn device_read(
        &self,
        caller: &Caller<'_>,
        access: DeviceAccess,
        length_max: u64,
    ) -> Result<Vec<u8>, EngineError> {
        let mut bytes = Vec::new();
        self.with_spans(caller, access, length_max, |spans| {
            for span in spans {
                let filled = bytes.len();
                bytes.resize(filled + span.len(), 0);
                span.read(&mut bytes[filled..]);
            }
        })?;
        Ok(bytes)
    }

    /// Writes as the device does.
    pub(crate) fn device_write(
        &self,
        caller: &Caller<'_>,
        access: DeviceAccess,
        bytes: &[u8],
    ) -> Result<(), EngineError> {
        self.with_spans(caller, access, u64::MAX, |spans| {
            let mut left = bytes;
            for span in spans {
                let (now, later) = left.split_at(span.len().min(left.len()));
                span.write(now);
                left = later;
            }
        })
    }

    /// Calls `transfer` with the bytes; where they are many, without the machine.
    fn with_spans(
        &self,
        caller: &Caller<'_>,
        access: DeviceAccess,
        length_max: u64,
        transfer: impl FnOnce(&[Span]),
    ) -> Result<(), EngineError> {
        let map = access.map.number;
        let mut owner = self.lock_for(map);
        let spans = owner.device_spans(caller, access, length_max)?;
        let bytes: usize = spans.iter().map(Span::len).sum();
        if bytes as u64 <= COPIED_AT_ONCE {
            transfer(&spans);
            return Ok(());
        }
        owner.hold(map);
        drop(owner);
        transfer(&spans);
        self.let_go(map);
        Ok(())
    }
}

impl Owner {
    fn device_spans(
        &self,
        caller: &Caller<'_>,
        access: DeviceAccess,
        length_max: u64,
    ) -> Result<Vec<Span>, EngineError> {
        let id = self.objects.map(access.map.number, caller)?.id;
        let segments = self.engine.map(id).map_or(&[][..], |map| map.segments());
        if segments.is_empty() {
            return Err(EngineError::NotLoaded { object: access.map.to_string() });
        }
        let segment = segments.get(access.segment as usize).ok_or_else(|| EngineError::OutOfRange {
            offset: access.segment.into(),
            length: 1,
            size: segments.len() as u64,
        })?;
        let size = segment.len.raw();
        let length = access.length.unwrap_or(size.saturating_sub(access.offset));
        let outside = access.offset.checked_add(length).is_none_or(|end| end > size);
        if outside {
            return Err(EngineError::OutOfRange { offset: access.offset, length, size });
        }
        if length > length_max {
            return Err(exceeded("transfer_bytes", length_max, Scope::Connection));
        }
        self.own_spans(caller, id, segment, access.offset, length)
    }

    /// Bytes of a segment page by page, each page either the caller's memory or a bounce page of the map. FreeBSD's
    /// quirks can make a segment run on into pages that are neither.
    fn own_spans(
        &self,
        caller: &Caller<'_>,
        map: MapId,
        segment: &Segment,
        offset: u64,
        length: u64,
    ) -> Result<Vec<Span>, EngineError> {
        let start = segment.addr.to_phys();
        let mut spans = Vec::new();
        let mut at = offset;
        while at < offset + length {
            let addr = start.wrapping_add(BusSize::new(at));
            let piece = addr.left_in_page().raw().min(offset + length - at);
            let len = BusSize::new(piece);
            let allowed = self.is_callers(caller, addr) || self.is_bounced_for(map, addr, len);
            let span = self.engine.platform().span(addr, len).filter(|_| allowed);
            spans.push(span.ok_or_else(|| EngineError::NotOwner { object: format!("{:#x}", addr.raw()) })?);
            at += piece;
        }
        Ok(spans)
    }

    fn is_callers(&self, caller: &Caller<'_>, addr: PhysAddr) -> bool {
        let owner = OwnerId::new(caller.session.id.0.into());
        let page = addr.page_start();
        self.engine.platform().owner_of(addr) == Some(owner)
            || self.objects.dmamem.values().any(|entry| {
                entry.session.id == caller.session.id
                    && entry.region.pages.iter().any(|start| start.page_start() == page)
            })
    }

    fn is_bounced_for(&self, map: MapId, addr: PhysAddr, len: BusSize) -> bool {
        let end = addr.raw().saturating_add(len.raw());
        self.engine.bounce_pages(map).any(|piece| {
            let first = piece.bounce.raw();
            let whole = first + piece.len.min(piece.bounce.left_in_page()).raw();
            first <= addr.raw() && end <= whole
        })
    }
}
