//! Files that a client passes as memory, and what it does with them afterwards.

use crate::driver::{Driver, PAGE, Pool, load, sync};
use crate::fault::{Conditions, fault};
use busdma_api::MapRef;
use busdma_api::client::{CallError, Client};
use busdma_api::engine::{EngineError, Outcome, ReadMemory, RegisterMemory, ReleaseMemory, SyncOp, Unload};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create, open,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Bytes of the files.
const LENGTH: u64 = 16 * PAGE;

/// The seals that memory needs.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

/// A memfd with seals.
fn memfd(seals: SealFlags) -> OwnedFd {
    let file = memfd_create("passed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&file, LENGTH).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// The same file, opened in another way.
fn reopened(file: &OwnedFd, flags: OFlags) -> OwnedFd {
    open(format!("/proc/self/fd/{}", file.as_raw_fd()), flags | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

fn opened(path: &str, flags: OFlags) -> OwnedFd {
    open(path, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR).unwrap()
}

/// What no file that is refused for what it is may bring about.
fn register(client: &mut Client, file: &OwnedFd, call: &RegisterMemory) -> Result<(), EngineError> {
    match client.call_with(call, &[file.as_fd()]) {
        Ok(_) => Ok(()),
        Err(CallError::Refused(error)) => Err(error),
        Err(error) => panic!("{error:?}"),
    }
}

fn whole() -> RegisterMemory {
    RegisterMemory { length: LENGTH, fd: Some(0), ..RegisterMemory::default() }
}

#[test]
fn a_memfd_that_is_not_sealed() {
    let not_sealed =
        |missing: &[&str]| EngineError::NotSealed { missing: missing.iter().map(ToString::to_string).collect() };
    let shared = tempfile::tempfile_in("/dev/shm").unwrap();
    shared.set_len(LENGTH).unwrap();
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let mut check = |file: OwnedFd, missing: &[&str]| {
            assert_eq!(register(&mut client, &file, &whole()), Err(not_sealed(missing)));
        };
        check(memfd(SealFlags::empty()), &["F_SEAL_SHRINK", "F_SEAL_GROW"]);
        check(memfd(SealFlags::SEAL), &["F_SEAL_SHRINK", "F_SEAL_GROW"]);
        check(memfd(SealFlags::SHRINK), &["F_SEAL_GROW"]);
        check(memfd(SealFlags::GROW | SealFlags::WRITE), &["F_SEAL_SHRINK"]);
        // The file of another tmpfs cannot even be sealed.
        check(shared.into(), &["F_SEAL_SHRINK", "F_SEAL_GROW"]);
    });
}

#[test]
fn what_is_no_memory_that_can_be_shared() {
    let regular = tempfile::tempfile().unwrap();
    regular.set_len(LENGTH).unwrap();
    let (reading, writing) = std::io::pipe().unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let files: Vec<(&str, OwnedFd)> = vec![
        ("sealed against writing", memfd(SEALS | SealFlags::WRITE)),
        ("sealed against later writing", memfd(SEALS | SealFlags::FUTURE_WRITE)),
        ("opened to read", reopened(&memfd(SEALS), OFlags::RDONLY)),
        ("opened to write", reopened(&memfd(SEALS), OFlags::WRONLY)),
        ("opened as a path", reopened(&memfd(SEALS), OFlags::PATH)),
        ("a regular file", regular.into()),
        ("the reading end of a pipe", reading.into()),
        ("the writing end of a pipe", writing.into()),
        ("a socket", one.into()),
        ("its other end", other.into()),
        ("an eventfd", eventfd(0, EventfdFlags::CLOEXEC).unwrap()),
        ("/dev/null", opened("/dev/null", OFlags::RDWR)),
        ("/dev/zero", opened("/dev/zero", OFlags::RDWR)),
        ("a directory", opened("/", OFlags::RDONLY)),
        ("of /proc", opened("/proc/self/maps", OFlags::RDONLY)),
    ];
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        for (what, file) in files {
            let error = register(&mut client, &file, &whole()).expect_err(what);
            assert!(matches!(&error, EngineError::InvalidMemory { field, .. } if field == "fd"), "{what}: {error:?}");
        }
        match memfd_create("huge", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB) {
            Ok(huge) => {
                ftruncate(&huge, 2 << 20).unwrap();
                fcntl_add_seals(&huge, SEALS).unwrap();
                let error = register(&mut client, &huge, &whole()).expect_err("huge pages");
                assert!(
                    matches!(&error, EngineError::InvalidMemory { reason, .. } if reason.contains("huge")),
                    "{error:?}"
                );
            }
            // Nobody can pass what the kernel does not make.
            Err(error) => assert!(matches!(error, Errno::INVAL | Errno::NODEV | Errno::NOSYS | Errno::PERM), "{error}"),
        }
    });
}

#[test]
fn ranges_that_the_file_does_not_have() {
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let file = memfd(SEALS);
        let mut check = |offset: u64, length: u64, wrong: &str| {
            let call = RegisterMemory { offset: Some(offset), length, ..whole() };
            let error = register(&mut client, &file, &call).expect_err(wrong);
            assert!(matches!(&error, EngineError::InvalidMemory { field, .. } if field == wrong), "{error:?}");
        };
        check(0, 0, "length");
        check(0, LENGTH + 1, "length");
        check(PAGE, LENGTH, "length");
        check(1 << 63, PAGE, "length");
        check(u64::MAX - PAGE + 1, PAGE, "length");
        check(1, PAGE, "offset");
        let out_of_range = |offset, size| Err(EngineError::OutOfRange { offset, length: 1, size });
        for index in [1, 15, u32::MAX] {
            let call = RegisterMemory { fd: Some(index), ..whole() };
            assert_eq!(register(&mut client, &file, &call), out_of_range(index.into(), 1));
        }
        let Err(CallError::Refused(error)) = client.call(&whole()) else { panic!("no file came along") };
        assert_eq!(Err(error), out_of_range(0, 0));
    });
}

/// A registered file keeps its size, whatever its owner tries, so the daemon cannot fault on it.
#[test]
fn a_memfd_cannot_be_cut_after_it_was_registered() {
    fault(Conditions::USUAL, |rig| {
        let mut cutter = Cutter::new(&rig.socket);
        cutter.turn(0xa5);
        for size in [0, PAGE, LENGTH - 1, LENGTH + 1] {
            assert_eq!(ftruncate(&cutter.file, size), Err(Errno::PERM), "{size}");
        }
        // Reopened it is the same file.
        let again = reopened(&cutter.file, OFlags::RDWR);
        assert_eq!(ftruncate(&again, 0), Err(Errno::PERM));
        assert_eq!(fcntl_add_seals(&cutter.file, SealFlags::WRITE), Err(Errno::BUSY));
        cutter.turn(0x5a);
        // Holes are zeros.
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&cutter.file, hole, 0, LENGTH).unwrap();
        cutter.turn(0);
        fcntl_add_seals(&cutter.file, SealFlags::SEAL).unwrap();
        cutter.turn(0);
        // Its owner has it no more, the daemon does.
        let memory = cutter.driver.memory;
        cutter.file = again;
        cutter.turn(0);
        let Cutter { mut driver, file, .. } = cutter;
        drop(file);
        let read = driver.client.call(&ReadMemory { memory, offset: None, length: PAGE }).unwrap();
        assert!(read.data.bytes().all(|byte| byte == b'A' || byte == b'='), "zeros are written so in base64");
        driver.client.call(&ReleaseMemory { memory }).unwrap();
    });
}

/// A client with memory of its own.
struct Cutter {
    driver: Driver,
    map: MapRef,
    file: OwnedFd,
}

impl Cutter {
    fn new(socket: &Path) -> Self {
        let mut driver = Driver::new(socket, Pool::Contended, LENGTH / PAGE);
        let file = memfd(SEALS);
        let (reply, _) = driver.client.call_with(&whole(), &[file.as_fd()]).unwrap();
        driver.memory = reply.memory;
        let map = driver.map;
        Self { driver, map, file }
    }

    /// Lets the daemon read and write every byte; `fill` is what the file is full of, and stays so.
    fn turn(&mut self, fill: u8) {
        if fill != 0 {
            let bytes = vec![fill; usize::try_from(LENGTH).unwrap()];
            std::os::unix::fs::FileExt::write_all_at(&File::from(self.file.try_clone().unwrap()), &bytes, 0).unwrap();
        }
        let (map, client) = (self.map, &mut self.driver.client);
        let loaded = client.call(&load(map, self.driver.memory, LENGTH)).unwrap();
        assert_eq!(loaded.outcome, Outcome::Loaded);
        for op in [SyncOp::PreWrite, SyncOp::PostRead] {
            assert_eq!(client.call(&sync(map, &[op])).unwrap().bytes, LENGTH);
        }
        client.call(&Unload { map }).unwrap();
        let mut bytes = vec![!fill; usize::try_from(LENGTH).unwrap()];
        std::os::unix::fs::FileExt::read_exact_at(&File::from(self.file.try_clone().unwrap()), &mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|&byte| byte == fill));
    }
}
