//! Bytes: clients', devices' and those in bounce pages, and the syncs that copy them.

use crate::memory::PAGE;
use crate::run::{Flow, Map, Run, sync_op};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::MemoryRef;
use busdma_api::engine::{
    self as api, DeviceRead, DeviceWrite, Operation, OperationResult, ReadMemory, Segments, Submit, Sync, SyncDetail,
    WriteMemory, ZoneMemory,
};
use busdma_engine::{MemDesc, VirtRange};
use busdma_trace::client::{ClientRange, for_each_range};
use busdma_trace::format::{self, BounceCopy, CopyDir, Hashed, Hex, Output, Touched};
use busdma_trace::machine::{Fnv1a, PageTables, Pattern};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// What fresh memory holds that nobody has zeroed.
const FRESH: u8 = 0xa5;

impl<'s> Run<'_, 's> {
    /// bus_dmamap_sync.
    pub(crate) fn sync(&mut self, input: &format::Sync<'s>, output: &Output<'_>) -> Flow {
        let name = input.map.as_str();
        let (map, ops) = (self.map(name).map, input.ops.iter().map(sync_op).collect());
        let result = self.client.call(&Sync { map, ops, detail: Some(SyncDetail::Copies) });
        let reply = match self.returned(result, output) {
            Ok(reply) => reply,
            Err(flow) => return flow,
        };
        let Output::Sync(output) = output else { panic!("another output") };
        let copies: Vec<_> = reply.copies.iter().flatten().map(copied).collect();
        let expected: Vec<_> = output
            .copies
            .iter()
            .map(|copy| BounceCopy { busaddr: Hex(self.memory.daemons(copy.busaddr.0)), ..*copy })
            .collect();
        self.check("copies", &expected, &copies);
        self.check("pages", &copies.len(), &(reply.pages as usize));
        // What FreeBSD copies past a bounce page's end is dropped.
        let kept = |copy: &BounceCopy| if copy.overrun { in_page(copy.busaddr.0, copy.bytes) } else { copy.bytes };
        self.check("bytes", &copies.iter().map(kept).sum(), &reply.bytes);
        if let Some(first) = copies.first() {
            // Every bounce page is copied each way that the operations ask for.
            let bounced = copies.iter().filter(|copy| copy.dir == first.dir);
            self.map(name).bounced = bounced.map(|copy| (copy.busaddr.0, copy.bytes)).collect();
        }
        if let Some(expected) = output.client_hash {
            let hash = self.client_hash(name);
            self.check("client_hash", &expected, &hash);
            self.seen.client_hashes += 1;
        }
        if let Some(expected) = output.bounce_hash {
            if self.map(name).bounced.is_empty() {
                self.seen.bounce_hashes_unseen += 1;
            } else {
                let hash = self.bounce_hash(name);
                self.check("bounce_hash", &expected, &hash);
                self.seen.bounce_hashes += 1;
            }
        }
        Flow::GoesOn
    }

    /// The client writes a pattern.
    pub(crate) fn fill(&mut self, input: &format::Seeded<'s>, output: &Output<'_>) -> Flow {
        let pieces = self.client_pieces(input.map.as_str());
        let mut pattern = Pattern::new(input.seed);
        let operations = pieces.iter().map(|&(memory, offset, length)| {
            let data = encoded(length, &mut pattern);
            Operation::WriteMemory(WriteMemory { memory, offset: Some(offset), data })
        });
        let operations = operations.collect();
        for result in self.submit(operations) {
            assert!(matches!(result, OperationResult::WriteMemory(_)), "not written: {result:?}");
        }
        let bytes = pieces.iter().map(|(_, _, length)| length).sum();
        self.check("fill", output, &Output::Fill(Touched { bytes }));
        Flow::GoesOn
    }

    /// The device writes a pattern.
    pub(crate) fn device_write(&mut self, input: &format::Seeded<'s>, output: &Output<'_>) -> Flow {
        let map = self.map(input.map.as_str()).map;
        let mut pattern = Pattern::new(input.seed);
        let mut bytes = 0;
        let mut operations = Vec::new();
        for (segment, (_, length)) in (0..).zip(self.current_segments(input.map.as_str())) {
            bytes += length;
            let data = encoded(length, &mut pattern);
            operations.push(Operation::DeviceWrite(DeviceWrite { map, segment, offset: None, data }));
        }
        for result in self.submit(operations) {
            self.check("device_write", &true, &matches!(result, OperationResult::DeviceWrite(_)));
        }
        self.check("device_write", output, &Output::DeviceWrite(Touched { bytes }));
        Flow::GoesOn
    }

    /// The device reads.
    pub(crate) fn device_read(&mut self, name: &str, output: &Output<'_>) -> Flow {
        let map = self.map(name).map;
        let count = self.current_segments(name).len();
        let reads = (0..).take(count).map(|segment| DeviceRead { map, segment, offset: None, length: None });
        let operations = reads.map(Operation::DeviceRead).collect();
        let (mut bytes, mut hash) = (0, Fnv1a::new());
        for result in self.submit(operations) {
            match result {
                OperationResult::DeviceRead(reply) => {
                    let read = STANDARD.decode(reply.data).unwrap();
                    bytes += read.len() as u64;
                    hash.write(&read);
                }
                refused => self.check("device_read", &String::new(), &format!("{refused:?}")),
            }
        }
        let hash = Hex(hash.finish());
        self.check("device_read", output, &Output::DeviceRead(Hashed { bytes, hash }));
        Flow::GoesOn
    }

    /// Fills fresh memory that was not zeroed, as FreeBSD's allocator leaves it here.
    pub(crate) fn write_fresh(&mut self, memory: MemoryRef, length: u64) {
        let data = STANDARD.encode(vec![FRESH; usize::try_from(length).unwrap()]);
        self.client.call(&WriteMemory { memory, offset: None, data }).unwrap();
    }

    /// The segments that the daemon has for a map, which must be FreeBSD's.
    fn current_segments(&mut self, name: &str) -> Vec<(u64, u64)> {
        let Map { map, segments, .. } = self.map(name);
        let (map, expected) = (*map, segments.clone());
        let reply = self.client.call(&Segments { map }).unwrap();
        let segments = reply.segments.iter().map(|segment| (segment.addr.0, segment.length)).collect();
        self.check("segments", &expected, &segments);
        segments
    }

    fn client_hash(&mut self, name: &str) -> Hex {
        let reads = self
            .client_pieces(name)
            .into_iter()
            .map(|(memory, offset, length)| Operation::ReadMemory(ReadMemory { memory, offset: Some(offset), length }));
        let operations = reads.collect();
        let mut hash = Fnv1a::new();
        for result in self.submit(operations) {
            let OperationResult::ReadMemory(reply) = result else { panic!("not read: {result:?}") };
            hash.write(&STANDARD.decode(reply.data).unwrap());
        }
        Hex(hash.finish())
    }

    /// The hash of what the files of the machine's pools hold for a map.
    fn bounce_hash(&mut self, name: &str) -> Hex {
        let bounced = self.map(name).bounced.clone();
        let (reply, files) = self.client.call_with(&ZoneMemory { machine: self.machine }, &[]).unwrap();
        let files: Vec<_> = files.into_iter().map(File::from).collect();
        let mut hash = Fnv1a::new();
        for (addr, length) in bounced {
            let mut bytes = vec![0; usize::try_from(in_page(addr, length)).unwrap()];
            let mut places = reply.pools.iter().flat_map(|pool| pool.runs.iter().map(|run| (pool.fd, run)));
            let place = places.find(|(_, run)| (run.addr.0..run.addr.0 + run.length).contains(&addr));
            let (fd, run) = place.unwrap_or_else(|| panic!("{addr:#x} is in no pool"));
            files[fd as usize].read_exact_at(&mut bytes, run.offset + (addr - run.addr.0)).unwrap();
            hash.write(&bytes);
        }
        Hex(hash.finish())
    }

    /// Where the client bytes of a map's last request are: memory, offset and length of each piece.
    fn client_pieces(&self, name: &str) -> Vec<(MemoryRef, u64, u64)> {
        let mut pieces: Vec<(MemoryRef, u64, u64)> = Vec::new();
        let Some(desc) = self.maps[name].request.desc() else { return pieces };
        for_each_page(&desc, self.tables.tables(), &mut |paddr, length| {
            let (memory, offset) = self.memory.place(paddr);
            match pieces.last_mut() {
                Some((last, start, bytes)) if (*last, *start + *bytes) == (memory, offset) => *bytes += length,
                _ => pieces.push((memory, offset, length)),
            }
        });
        pieces
    }

    fn submit(&mut self, operations: Vec<Operation>) -> Vec<OperationResult> {
        let count = operations.len();
        let results = self.client.call(&Submit { operations, on_error: Some(api::OnError::GoOn) }).unwrap().results;
        assert_eq!(results.len(), count);
        results
    }
}

/// Calls `visit` with the client bytes of a request, page by page: FreeBSD's physical addresses and lengths.
fn for_each_page(desc: &MemDesc<'_>, tables: &PageTables, visit: &mut impl FnMut(u64, u64)) {
    for_each_range(desc, &mut |range| match range {
        ClientRange::Physical(range) => {
            cut(range.start.raw(), range.len.raw(), &mut |addr, length| visit(addr, length));
        }
        ClientRange::Virtual(space, VirtRange { start, len }) => {
            cut(start.raw(), len.raw(), &mut |addr, length| {
                let paddr = tables.translate(space, busdma_engine::VirtAddr::new(addr)).unwrap();
                visit(paddr.raw(), length);
            });
        }
    });
}

/// Cuts a range at page boundaries.
fn cut(start: u64, len: u64, visit: &mut impl FnMut(u64, u64)) {
    let (mut addr, mut left) = (start, len);
    while left > 0 {
        let length = in_page(addr, left);
        visit(addr, length);
        addr += length;
        left -= length;
    }
}

/// How many of the bytes lie in the page of the first.
const fn in_page(addr: u64, length: u64) -> u64 {
    let left = PAGE - addr % PAGE;
    if length < left { length } else { left }
}

fn encoded(length: u64, pattern: &mut Pattern) -> String {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    pattern.write_to(&mut bytes);
    STANDARD.encode(bytes)
}

fn copied(copy: &api::Copied) -> BounceCopy {
    BounceCopy {
        dir: match copy.direction {
            api::CopyDirection::ToBounce => CopyDir::ToBounce,
            api::CopyDirection::FromBounce => CopyDir::FromBounce,
        },
        busaddr: Hex(copy.addr.0),
        bytes: copy.bytes,
        overrun: copy.overrun.unwrap_or(false),
    }
}
