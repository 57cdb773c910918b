//! Words of the block layer.

use busdma_ebpf::common::operation::{
    ATOMIC, DISCARD, FLUSH, FUA, KIND, META, PREFLUSH, RAHEAD, READ, SECURE_ERASE, SYNC, WRITE, ZONE_APPEND,
    ZONE_CLOSE, ZONE_FINISH, ZONE_OPEN, ZONE_RESET, ZONE_RESET_ALL,
};
use busdma_host::event::Operation;
use rustix::io::Errno;

/// Bytes of a sector.
pub(super) const SECTOR: u32 = 512;

/// The sector of a request that is about none.
pub(super) const NO_SECTOR: u64 = u64::MAX;

/// The letters that the kernel prints for an operation of [`busdma_ebpf::common::operation`].
pub(super) fn operation(bits: u32) -> Operation {
    let kind: &[u8] = match bits & KIND {
        READ => b"R",
        WRITE => b"W",
        FLUSH => b"F",
        DISCARD => b"D",
        SECURE_ERASE => b"DE",
        ZONE_APPEND => b"ZA",
        ZONE_OPEN => b"ZO",
        ZONE_CLOSE => b"ZC",
        ZONE_FINISH => b"ZF",
        ZONE_RESET => b"ZR",
        ZONE_RESET_ALL => b"ZRA",
        _ => b"N",
    };
    let mut letters = Vec::with_capacity(10);
    letters.extend((bits & PREFLUSH != 0).then_some(b'F'));
    letters.extend(kind);
    for (flag, letter) in [(FUA, b'F'), (RAHEAD, b'A'), (SYNC, b'S'), (META, b'M'), (ATOMIC, b'U')] {
        letters.extend((bits & flag != 0).then_some(letter));
    }
    Operation::new(&letters)
}

/// The negative errno of a `blk_status_t`, 0 for none. Numbers from 14 differ from kernel to kernel and are `EIO`.
pub(super) fn errno(status: u32) -> i32 {
    let errno = match status {
        0 => return 0,
        1 => Errno::OPNOTSUPP,
        2 => Errno::TIMEDOUT,
        3 => Errno::NOSPC,
        4 => Errno::NOLINK,
        5 => Errno::REMOTEIO,
        6 => Errno::BADE,
        7 => Errno::NODATA,
        8 => Errno::ILSEQ,
        9 => Errno::NOMEM,
        11 => Errno::REMCHG,
        12 => Errno::AGAIN,
        13 => Errno::BUSY,
        _ => Errno::IO,
    };
    -errno.raw_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_as_the_kernel_prints_them() {
        let check = |bits, letters: &str| assert_eq!(operation(bits).to_string(), letters);
        check(READ, "R");
        check(READ | RAHEAD, "RA");
        check(WRITE | SYNC, "WS");
        check(WRITE | PREFLUSH | FUA | SYNC | META, "FWFSM");
        check(FLUSH | PREFLUSH | SYNC, "FFS");
        check(DISCARD | SYNC, "DS");
        check(SECURE_ERASE, "DE");
        check(WRITE | SYNC | ATOMIC, "WSU");
        check(ZONE_RESET_ALL | SYNC, "ZRAS");
        check(KIND, "N");
    }

    #[test]
    fn statuses_are_errnos() {
        for (status, errno_of) in [(0, 0), (3, -28), (9, -12), (10, -5), (13, -16), (200, -5)] {
            assert_eq!(errno(status), errno_of, "{status}");
        }
    }
}
