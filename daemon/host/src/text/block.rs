//! What `block:*` print: `259,0 WS 8192 () 48 + 16 be,0,4 [dd]`. Before Linux 6.12 there is no priority.

use super::scan::Scan;
use super::stats::LineError;
use crate::event::{BlockBio, BlockCompletion, BlockRequest, Disk, EventKind, Operation, Tracepoint};
use busdma_engine::BusSize;

/// Bytes in a sector, whatever the disk's own are.
const SECTOR_BYTES: u64 = 512;

/// The longest operation that the kernel prints, letters.
const OPERATION_LETTERS_MAX: usize = 10;

/// What an event of this group said.
pub(super) fn kind(scan: &mut Scan<'_>) -> Result<EventKind, LineError> {
    let disk = Disk { major: scan.count(b"", "a disk's numbers")?, minor: scan.count(b",", "a disk's numbers")? };
    let operation = operation(scan)?;
    match scan.point {
        Tracepoint::BlockRqIssue => issue(scan, disk, operation),
        Tracepoint::BlockRqComplete => complete(scan, disk, operation),
        Tracepoint::BlockRqRequeue => requeue(scan, disk, operation),
        _ => queue(scan, disk, operation),
    }
}

fn operation(scan: &mut Scan<'_>) -> Result<Operation, LineError> {
    scan.literal(b" ", "an operation")?;
    let letters = scan.word();
    if letters.is_empty() || letters.len() > OPERATION_LETTERS_MAX || !letters.iter().all(u8::is_ascii_graphic) {
        return Err(scan.wrong("an operation of at most 10 letters"));
    }
    Ok(Operation::new(letters))
}

fn issue(scan: &mut Scan<'_>, disk: Disk, operation: Operation) -> Result<EventKind, LineError> {
    let size = BusSize::new(scan.decimal(b" ", "bytes")?);
    command(scan)?;
    let (sector, _) = sectors(scan)?;
    task(scan)?;
    Ok(EventKind::BlockIssue(request(disk, operation, sector, size)))
}

fn complete(scan: &mut Scan<'_>, disk: Disk, operation: Operation) -> Result<EventKind, LineError> {
    command(scan)?;
    let (sector, sectors) = sectors(scan)?;
    let error = error(scan)?;
    Ok(EventKind::BlockComplete(BlockCompletion { disk, request: None, operation, sector, sectors, error }))
}

/// It says sectors only, which are 0 for commands to a driver.
fn requeue(scan: &mut Scan<'_>, disk: Disk, operation: Operation) -> Result<EventKind, LineError> {
    command(scan)?;
    let (sector, sectors) = sectors(scan)?;
    error(scan)?;
    let size = BusSize::new(u64::from(sectors) * SECTOR_BYTES);
    Ok(EventKind::BlockRequeue(request(disk, operation, sector, size)))
}

fn queue(scan: &mut Scan<'_>, disk: Disk, operation: Operation) -> Result<EventKind, LineError> {
    let (sector, sectors) = sectors(scan)?;
    task(scan)?;
    Ok(EventKind::BlockQueue(BlockBio { disk, operation, sector, sectors }))
}

fn request(disk: Disk, operation: Operation, sector: u64, size: BusSize) -> BlockRequest {
    BlockRequest { disk, request: None, operation, sector, size, memory: Box::default(), pieces: None }
}

/// The bytes of a SCSI command, which no driver fills any more.
fn command(scan: &mut Scan<'_>) -> Result<(), LineError> {
    scan.literal(b" (", "a command in parentheses")?;
    scan.until(b")", "a command in parentheses").map(|_| ())
}

fn sectors(scan: &mut Scan<'_>) -> Result<(u64, u32), LineError> {
    let sector = scan.decimal(b" ", "the first sector")?;
    Ok((sector, scan.count(b" + ", "a number of sectors")?))
}

/// The task stands in front of the line too, and its name may hold brackets.
fn task(scan: &mut Scan<'_>) -> Result<(), LineError> {
    let rest = scan.remainder();
    let found = rest.first() == Some(&b' ') && rest.contains(&b'[') && rest.trim_ascii_end().ends_with(b"]");
    if found { Ok(()) } else { Err(scan.wrong("a task in brackets")) }
}

fn error(scan: &mut Scan<'_>) -> Result<i32, LineError> {
    scan.until(b"[", "an error in brackets")?;
    let error = scan.signed(b"", "an error in brackets")?;
    scan.literal(b"]", "an error in brackets")?;
    Ok(error)
}
