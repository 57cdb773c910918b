//! Walks over what the kernel printed of one event, field by field.

use super::DeviceNames;
use super::stats::LineError;
use crate::event::{Attributes, Device, Direction, DmaRange, Tracepoint};
use busdma_engine::{BusAddr, BusSize, PhysAddr};
use memchr::memmem;

/// Where the walk stands.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) point: Tracepoint,
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) const fn new(point: Tracepoint, payload: &'a [u8]) -> Self {
        Self { point, rest: payload }
    }

    pub(super) const fn wrong(&self, field: &'static str) -> LineError {
        LineError::Field { point: self.point, field }
    }

    /// Nothing may be left but spaces.
    pub(super) fn end(&self) -> Result<(), LineError> {
        match self.rest.trim_ascii().len() {
            0 => Ok(()),
            bytes => Err(LineError::Trailing { point: self.point, bytes }),
        }
    }

    /// The device's name up to ` dir=`, which is passed over.
    pub(super) fn device(&mut self, devices: &mut DeviceNames) -> Result<Device, LineError> {
        let name = self.until(b" dir=", "a device and dir=")?;
        self.named(name, devices)
    }

    pub(super) fn named(&self, name: &[u8], devices: &mut DeviceNames) -> Result<Device, LineError> {
        let name = str::from_utf8(name).ok().filter(|name| !name.is_empty());
        name.map(|name| devices.device(name)).ok_or_else(|| self.wrong("the name of a device"))
    }

    pub(super) fn direction(&mut self) -> Result<Direction, LineError> {
        let name = str::from_utf8(self.word()).unwrap_or_default();
        Direction::from_name(name).ok_or_else(|| self.wrong("dir=BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE or NONE"))
    }

    pub(super) fn dma_addr(&mut self) -> Result<BusAddr, LineError> {
        self.hex(b" dma_addr=", "dma_addr=").map(BusAddr::new)
    }

    pub(super) fn size(&mut self) -> Result<BusSize, LineError> {
        self.decimal(b" size=", "size=").map(BusSize::new)
    }

    pub(super) fn phys_addrs(&mut self) -> Result<Box<[PhysAddr]>, LineError> {
        self.list(b" phys_addrs=", "phys_addrs=", PhysAddr::new)
    }

    /// ` dma_addrs={..} sizes={..}`
    pub(super) fn ranges(&mut self) -> Result<Box<[DmaRange]>, LineError> {
        let addresses = self.list(b" dma_addrs=", "dma_addrs=", BusAddr::new)?;
        let sizes = self.list(b" sizes=", "sizes=", BusSize::new)?;
        paired(self.point, &addresses, &sizes)
    }

    /// ` attrs=A|B`, which ends the line.
    pub(super) fn attributes(&mut self) -> Result<Attributes, LineError> {
        self.literal(b" attrs=", "attrs=")?;
        let names = self.word();
        if names.is_empty() {
            return Ok(Attributes::empty());
        }
        let bits = str::from_utf8(names).ok().and_then(attributes);
        bits.ok_or_else(|| self.wrong("attrs= with known names or a number"))
    }

    /// Whether `literal` comes next; if so it is passed over.
    pub(super) fn skip(&mut self, literal: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(literal);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    pub(super) fn literal(&mut self, literal: &[u8], field: &'static str) -> Result<(), LineError> {
        if self.skip(literal) { Ok(()) } else { Err(self.wrong(field)) }
    }

    /// What stands before `separator`; both are passed over.
    pub(super) fn until(&mut self, separator: &[u8], field: &'static str) -> Result<&'a [u8], LineError> {
        let found = memmem::find(self.rest, separator);
        let text = found.and_then(|at| Some((self.rest.get(..at)?, self.rest.get(at + separator.len()..)?)));
        let (text, rest) = text.ok_or_else(|| self.wrong(field))?;
        self.rest = rest;
        Ok(text)
    }

    /// All that is left.
    pub(super) fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Everything up to the next space, perhaps nothing.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        word
    }

    /// A hexadecimal number behind `key`, with or without `0x`.
    pub(super) fn hex(&mut self, key: &[u8], field: &'static str) -> Result<u64, LineError> {
        self.literal(key, field)?;
        self.skip(b"0x");
        self.number(16, field)
    }

    pub(super) fn decimal(&mut self, key: &[u8], field: &'static str) -> Result<u64, LineError> {
        self.literal(key, field)?;
        self.number(10, field)
    }

    pub(super) fn count(&mut self, key: &[u8], field: &'static str) -> Result<u32, LineError> {
        u32::try_from(self.decimal(key, field)?).map_err(|_| self.wrong(field))
    }

    /// A number with a sign, behind `key`.
    pub(super) fn signed(&mut self, key: &[u8], field: &'static str) -> Result<i32, LineError> {
        self.literal(key, field)?;
        let sign = if self.skip(b"-") { -1 } else { 1 };
        let value = i64::try_from(self.number(10, field)?).ok().map(|value| sign * value);
        value.and_then(|value| i32::try_from(value).ok()).ok_or_else(|| self.wrong(field))
    }

    /// `{0x1,0x2}` behind `key`, or `{}`.
    pub(super) fn list<T>(
        &mut self,
        key: &[u8],
        field: &'static str,
        make: fn(u64) -> T,
    ) -> Result<Box<[T]>, LineError> {
        self.literal(key, field)?;
        self.literal(b"{", field)?;
        let mut items = Vec::new();
        while !self.skip(b"}") {
            let separator: &[u8] = if items.is_empty() { b"0x" } else { b",0x" };
            self.literal(separator, field)?;
            items.push(make(self.number(16, field)?));
        }
        Ok(items.into())
    }

    fn number(&mut self, radix: u32, field: &'static str) -> Result<u64, LineError> {
        let mut value = 0_u64;
        let mut digits = 0;
        for &byte in self.rest {
            let Some(digit) = char::from(byte).to_digit(radix) else { break };
            let shifted = value.checked_mul(u64::from(radix)).and_then(|value| value.checked_add(u64::from(digit)));
            value = shifted.ok_or_else(|| self.wrong(field))?;
            digits += 1;
        }
        self.rest = self.rest.get(digits..).filter(|_| digits > 0).ok_or_else(|| self.wrong(field))?;
        Ok(value)
    }
}

/// Addresses and sizes of the same pieces.
pub(super) fn paired(
    point: Tracepoint,
    addresses: &[BusAddr],
    sizes: &[BusSize],
) -> Result<Box<[DmaRange]>, LineError> {
    if addresses.len() != sizes.len() {
        return Err(LineError::Lists { point, addresses: addresses.len(), sizes: sizes.len() });
    }
    Ok(addresses.iter().zip(sizes).map(|(&start, &size)| DmaRange { start, size }).collect())
}

/// `A|B`, where bits without a name are a number, as the kernel prints them.
pub(crate) fn attributes(names: &str) -> Option<Attributes> {
    names.split('|').try_fold(Attributes::empty(), |all, name| Some(all | attribute(name)?))
}

fn attribute(name: &str) -> Option<Attributes> {
    let number = || u32::from_str_radix(name.strip_prefix("0x")?, 16).ok();
    Attributes::from_name(name).or_else(|| number().map(Attributes::from_bits_retain))
}
