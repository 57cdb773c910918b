//! Any text as every kind of thing a person types: sizes, addresses, tags, tag files, layouts.

#![no_main]

use busdma_cli::{layout, size, tag_spec, tags_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(bytes) = size::parse_size(text) {
        assert_eq!(size::parse_size(&bytes.to_string()), Ok(bytes), "a size printed is the size read");
    }
    if let Ok(address) = size::parse_address(text) {
        assert_eq!(
            size::parse_address(&format!("{address:#x}")),
            Ok(address),
            "an address printed is the address read"
        );
    }
    let _ = tag_spec::parse_tag(text);
    let _ = tags_file::parse_tags(text);
    if let Ok(layout) = layout::parse_layout(text) {
        let _ = layout.place(16, 0x2_4000_0000);
    }
});
