//! A tag of which only some arguments were given.

use busdma_engine::addr::{BusSize, PhysAddr};
use busdma_engine::constraints::{
    AddressFilter, Alignment, Boundary, ExclusionWindow, LockFunction, SegmentLimit, TagFlags, TagTemplate,
};
use thiserror::Error;

/// The arguments of `bus_dma_tag_create` that were given; the others are "no constraint".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TagFields {
    /// Bytes, a power of two; 0 means 1.
    pub alignment: Option<u64>,
    /// Bytes, a power of two, or 0 for none.
    pub boundary: Option<u64>,
    /// Last address below the excluded window.
    pub lowaddr: Option<u64>,
    /// Last excluded address, inclusive.
    pub highaddr: Option<u64>,
    /// Bytes.
    pub maxsize: Option<u64>,
    /// How many segments at most.
    pub nsegments: Option<SegmentLimit>,
    /// Bytes.
    pub maxsegsz: Option<u64>,
    /// Flags.
    pub flags: TagFlags,
    /// Address ranges a filter function excludes inside the window, both ends inclusive; `None` is no filter.
    pub deny: Option<Vec<(u64, u64)>>,
    /// The tag's lock function.
    pub lock: LockFunction,
}

/// Why fields make no tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum FieldError {
    /// An alignment or boundary that is no power of two.
    #[error("{field}: {value} is no power of two")]
    NotPowerOfTwo {
        /// The field.
        field: &'static str,
        /// The value.
        value: u64,
    },
}

/// A tag with the name it goes by in reports.
#[derive(Clone, Debug)]
pub struct NamedTag {
    /// Its name.
    pub name: String,
    /// What the driver asks for.
    pub template: TagTemplate,
}

impl TagFields {
    /// The template, with what was not given left unconstrained.
    ///
    /// # Errors
    ///
    /// An alignment or a boundary that is no power of two.
    pub fn into_template(self) -> Result<TagTemplate, FieldError> {
        let free = TagTemplate::default();
        let alignment = match self.alignment {
            None | Some(0) => Alignment::BYTE,
            Some(value) => Alignment::new(value).ok_or(FieldError::NotPowerOfTwo { field: "alignment", value })?,
        };
        let boundary = match self.boundary {
            None | Some(0) => None,
            Some(value) => Some(Boundary::new(value).ok_or(FieldError::NotPowerOfTwo { field: "boundary", value })?),
        };
        let filter = self.deny.map(|ranges| {
            AddressFilter::deny(ranges.into_iter().map(|(first, last)| (PhysAddr::new(first), PhysAddr::new(last))))
        });
        Ok(TagTemplate {
            alignment,
            boundary,
            window: ExclusionWindow {
                lowaddr: self.lowaddr.map_or(free.window.lowaddr, PhysAddr::new),
                highaddr: self.highaddr.map_or(free.window.highaddr, PhysAddr::new),
            },
            filter,
            maxsize: self.maxsize.map_or(free.maxsize, BusSize::new),
            nsegments: self.nsegments.unwrap_or(free.nsegments),
            maxsegsz: self.maxsegsz.map_or(free.maxsegsz, BusSize::new),
            flags: self.flags,
            lock: self.lock,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_engine::constraints::FilterVerdict;

    #[test]
    fn what_is_not_given_does_not_constrain() {
        let template = TagFields::default().into_template().unwrap();
        let free = TagTemplate::default();
        assert_eq!((template.alignment, template.boundary), (Alignment::BYTE, None));
        assert_eq!((template.window, template.maxsize), (ExclusionWindow::NOTHING, free.maxsize));
        assert_eq!((template.nsegments, template.maxsegsz), (free.nsegments, free.maxsegsz));
        assert!(template.filter.is_none());
        let zeros = TagFields { alignment: Some(0), boundary: Some(0), ..TagFields::default() };
        let template = zeros.into_template().unwrap();
        assert_eq!((template.alignment, template.boundary), (Alignment::BYTE, None));
    }

    #[test]
    fn a_filter_excludes_both_ends() {
        let fields = TagFields { deny: Some(vec![(0x1000, 0x1fff)]), ..TagFields::default() };
        let filter = fields.into_template().unwrap().filter.unwrap();
        let check = |addr, verdict| assert_eq!(filter.verdict(PhysAddr::new(addr)), verdict, "{addr:#x}");
        check(0xfff, FilterVerdict::Reachable);
        check(0x1000, FilterVerdict::Excluded);
        check(0x1fff, FilterVerdict::Excluded);
        check(0x2000, FilterVerdict::Reachable);
    }

    #[test]
    fn only_powers_of_two_align_and_bound() {
        let check = |fields: TagFields, message: &str| {
            assert_eq!(fields.into_template().unwrap_err().to_string(), message);
        };
        check(TagFields { alignment: Some(3), ..TagFields::default() }, "alignment: 3 is no power of two");
        check(TagFields { boundary: Some(49_152), ..TagFields::default() }, "boundary: 49152 is no power of two");
    }
}
