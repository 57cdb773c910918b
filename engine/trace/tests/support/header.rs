//! The header that hand-made traces start with.

/// A header of the usual machine.
pub(crate) const HEADER: &str = concat!(
    r#"{"format":"busdma-trace","version":1,"scenario":"s","family":"f","machine":{"arch":"amd64","page_size":4096,"#,
    r#""maxmem":"0x240000000","max_bpages":8192,"bounce":{"base":"0x100000","stride":4096,"frames":64},"#,
    r#""dmamem":{"base":"0x2000000","page_stride":4096,"malloc_align":0}},"source":"freebsd-11.0 x","hazards":[]}"#
);
