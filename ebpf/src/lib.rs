//! The kernel-side programs, as one object that fits every kernel with BTF: bytes to be loaded, and nothing that loads.
//!
//! The programs are C in `c/`, because CO-RE needs relocations that only clang writes for C. `build.rs` compiles them
//! with clang 14 or takes the object in `prebuilt/`; both are the same bytes, and a test holds them to it.

pub use busdma_ebpf_common as common;
pub use busdma_ebpf_common::program::Program;

/// Where [`OBJECT`] came from when this crate was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Compiled by clang 14.
    Compiled,
    /// The checked-in object.
    Prebuilt,
}

/// The object: an ELF file for the target `bpf`, aligned as ELF readers want it.
pub static OBJECT: &[u8] = &ALIGNED.bytes;

/// Where [`OBJECT`] came from.
pub const ORIGIN: Origin = match env!("BUSDMA_EBPF_ORIGIN").as_bytes() {
    b"compiled" => Origin::Compiled,
    _ => Origin::Prebuilt,
};

#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized> {
    bytes: Bytes,
}

static ALIGNED: &Aligned<[u8]> = &Aligned { bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/busdma.bpf.o")) };
