//! What perf and trace-cmd print where they cannot follow the kernel's own print format, which is so for every scatter
//! list: `[FAILED TO PARSE] device=udmabuf full_nents=4 ... phys_addrs=ARRAY[00, 70, 45, ..] dir=0 attrs=0x0`.
//!
//! The names are those of the record's fields. An array is printed byte by byte, here taken as little-endian.

use super::DeviceNames;
use super::dma::owner;
use super::scan::paired;
use super::stats::LineError;
use crate::event::{
    Alloc, Attributes, Device, Direction, DmaRange, EventKind, Free, MapPage, MapSg, MapSgFailed, Sync, Tracepoint,
    UnmapPage, UnmapSg,
};
use busdma_engine::{BusAddr, BusSize, PhysAddr};
use memchr::memchr;

/// How such a payload begins.
pub(super) const FAILED: &[u8] = b"[FAILED TO PARSE]";

/// Fields in the largest record of these.
const FIELDS_MAX: usize = 16;

/// What an event said; `text` is behind [`FAILED`]. Only `dma:*` are read from this form.
pub(super) fn kind(point: Tracepoint, text: &[u8], devices: &mut DeviceNames) -> Result<EventKind, LineError> {
    let fields = Fields::new(point, text)?;
    if point.group() != "dma" {
        return Err(fields.wrong("a payload that perf could print"));
    }
    let device = fields.device(devices)?;
    let direction = fields.direction()?;
    Ok(match point {
        Tracepoint::DmaMapPage | Tracepoint::DmaMapPhys | Tracepoint::DmaMapResource => EventKind::MapPage(MapPage {
            device,
            direction,
            dma: BusAddr::new(fields.number("dma_addr")?),
            size: fields.size()?,
            phys: PhysAddr::new(fields.number("phys_addr")?),
            attributes: fields.attributes()?,
        }),
        Tracepoint::DmaUnmapPage | Tracepoint::DmaUnmapPhys | Tracepoint::DmaUnmapResource => {
            let dma = BusAddr::new(fields.number("addr")?);
            let (size, attributes) = (fields.size()?, fields.attributes()?);
            EventKind::UnmapPage(UnmapPage { device, direction, dma, size, attributes })
        }
        Tracepoint::DmaMapSg => EventKind::MapSg(MapSg {
            device,
            direction,
            entries: fields.count("full_nents")?,
            mapped: fields.count("full_ents")?,
            phys: fields.phys("phys_addrs")?,
            dma: fields.ranges()?,
            attributes: fields.attributes()?,
        }),
        Tracepoint::DmaMapSgErr => EventKind::MapSgFailed(MapSgFailed {
            device,
            direction,
            phys: fields.phys("phys_addrs")?,
            error: fields.signed("err")?,
            attributes: fields.attributes()?,
        }),
        Tracepoint::DmaUnmapSg => {
            let (phys, attributes) = (fields.phys("addrs")?, fields.attributes()?);
            EventKind::UnmapSg(UnmapSg { device, direction, phys, entries: None, attributes })
        }
        Tracepoint::DmaAlloc | Tracepoint::DmaAllocPages | Tracepoint::DmaAllocSgt => {
            EventKind::Alloc(alloc(&fields, device, direction)?)
        }
        Tracepoint::DmaAllocSgtErr => EventKind::AllocFailed(alloc(&fields, device, direction)?),
        Tracepoint::DmaFree | Tracepoint::DmaFreePages | Tracepoint::DmaFreeSgt => {
            EventKind::Free(free(&fields, device, direction)?)
        }
        _ => EventKind::Sync(Sync { device, direction, owner: owner(point), ranges: synced(&fields)? }),
    })
}

fn alloc(fields: &Fields<'_>, device: Device, direction: Direction) -> Result<Alloc, LineError> {
    let dma = BusAddr::new(fields.number("dma_addr")?);
    let (size, phys, attributes) = (fields.size()?, memory(fields)?, fields.attributes()?);
    Ok(Alloc { device, direction, dma, size, phys, attributes })
}

fn free(fields: &Fields<'_>, device: Device, direction: Direction) -> Result<Free, LineError> {
    let dma = BusAddr::new(fields.number("dma_addr")?);
    let (size, phys) = (fields.size()?, memory(fields)?);
    let attributes = match fields.point {
        Tracepoint::DmaFreeSgt => Attributes::empty(),
        _ => fields.attributes()?,
    };
    Ok(Free { device, direction, dma, size, phys, attributes })
}

fn memory(fields: &Fields<'_>) -> Result<Box<[PhysAddr]>, LineError> {
    match fields.point {
        Tracepoint::DmaAllocSgt | Tracepoint::DmaFreeSgt => fields.phys("phys_addrs"),
        _ => Ok(Box::default()),
    }
}

fn synced(fields: &Fields<'_>) -> Result<Box<[DmaRange]>, LineError> {
    match fields.point {
        Tracepoint::DmaSyncSingleForCpu | Tracepoint::DmaSyncSingleForDevice => {
            let start = BusAddr::new(fields.number("dma_addr")?);
            Ok(Box::from([DmaRange { start, size: fields.size()? }]))
        }
        _ => fields.ranges(),
    }
}

/// `name=value` pairs, in the order of the record.
struct Fields<'a> {
    point: Tracepoint,
    pairs: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Fields<'a> {
    fn new(point: Tracepoint, text: &'a [u8]) -> Result<Self, LineError> {
        let mut fields = Self { point, pairs: Vec::with_capacity(FIELDS_MAX) };
        let mut text = text.trim_ascii_start();
        while !text.is_empty() {
            let pair = pair(text).filter(|_| fields.pairs.len() < FIELDS_MAX);
            let (name, value, rest) = pair.ok_or_else(|| fields.wrong("fields with their names"))?;
            fields.pairs.push((name, value));
            text = rest.trim_ascii_start();
        }
        Ok(fields)
    }

    const fn wrong(&self, field: &'static str) -> LineError {
        LineError::Field { point: self.point, field }
    }

    fn value(&self, name: &'static str) -> Result<&'a [u8], LineError> {
        let found = self.pairs.iter().find(|(field, _)| *field == name.as_bytes());
        found.map(|&(_, value)| value).ok_or_else(|| self.wrong(name))
    }

    fn device(&self, devices: &mut DeviceNames) -> Result<Device, LineError> {
        let name = str::from_utf8(self.value("device")?).ok().filter(|name| !name.is_empty());
        name.map(|name| devices.device(name)).ok_or_else(|| self.wrong("device"))
    }

    fn direction(&self) -> Result<Direction, LineError> {
        let number = usize::try_from(self.number("dir")?).ok();
        number.and_then(|number| Direction::ALL.get(number)).copied().ok_or_else(|| self.wrong("dir"))
    }

    fn size(&self) -> Result<BusSize, LineError> {
        self.number("size").map(BusSize::new)
    }

    fn attributes(&self) -> Result<Attributes, LineError> {
        self.count("attrs").map(Attributes::from_bits_retain)
    }

    fn phys(&self, name: &'static str) -> Result<Box<[PhysAddr]>, LineError> {
        let addresses = self.array::<8>(name)?;
        Ok(addresses.into_iter().map(|bytes| PhysAddr::new(u64::from_le_bytes(bytes))).collect())
    }

    fn ranges(&self) -> Result<Box<[DmaRange]>, LineError> {
        let addresses = self.array::<8>("dma_addrs")?;
        let addresses: Vec<_> = addresses.into_iter().map(|bytes| BusAddr::new(u64::from_le_bytes(bytes))).collect();
        let sizes = self.array::<4>("lengths")?;
        let sizes: Vec<_> = sizes.into_iter().map(|bytes| BusSize::new(u32::from_le_bytes(bytes).into())).collect();
        paired(self.point, &addresses, &sizes)
    }

    /// A decimal number, or a hexadecimal one behind `0x`.
    fn number(&self, name: &'static str) -> Result<u64, LineError> {
        let text = str::from_utf8(self.value(name)?).unwrap_or_default();
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        number.map_err(|_| self.wrong(name))
    }

    fn count(&self, name: &'static str) -> Result<u32, LineError> {
        u32::try_from(self.number(name)?).map_err(|_| self.wrong(name))
    }

    fn signed(&self, name: &'static str) -> Result<i32, LineError> {
        let text = str::from_utf8(self.value(name)?).unwrap_or_default();
        text.parse().map_err(|_| self.wrong(name))
    }

    /// `ARRAY[00, 70, ..]` as items of `N` bytes.
    fn array<const N: usize>(&self, name: &'static str) -> Result<Vec<[u8; N]>, LineError> {
        let text = self.value(name)?.strip_prefix(b"ARRAY[").and_then(|text| text.strip_suffix(b"]"));
        let bytes = text.and_then(bytes).ok_or_else(|| self.wrong(name))?;
        let (items, []) = bytes.as_chunks::<N>() else { return Err(self.wrong(name)) };
        Ok(items.to_vec())
    }
}

/// The first field of `text`: its name, its value and what follows.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let equals = memchr(b'=', text)?;
    let (name, value) = (text.get(..equals)?, text.get(equals + 1..)?);
    let end = if value.starts_with(b"ARRAY[") {
        memchr(b']', value)? + 1
    } else {
        memchr(b' ', value).unwrap_or(value.len())
    };
    let (value, rest) = value.split_at_checked(end)?;
    (!name.contains(&b' ')).then_some((name, value, rest))
}

/// `00, 70, 45`
fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(|&byte| byte == b',').map(|item| hex_byte(item.trim_ascii_start())).collect()
}

fn hex_byte(item: &[u8]) -> Option<u8> {
    let &[high, low] = item else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
