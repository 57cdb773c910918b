//! What must hold in each configuration, as data, and whether it does.

mod probes;
mod table;
mod verbs;

use crate::configuration::Configuration;
use crate::guest::FAILURE;
use crate::guest::scenario::{self, Daemon, Step};
use crate::parcel::ParcelFile;
use crate::tally::{Tallies, Tally};
use probes::Answers;
use std::path::Path;

/// One thing that must hold.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// What it says, in words.
    pub says: &'static str,
    /// Whose counts are taken.
    pub of: Scope,
    /// The sum of these…
    pub sum: &'static [Quantity],
    /// …is to this as said.
    pub is: Relation,
}

/// Whose counts are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All devices together.
    All,
    /// One device, as the trace spells it.
    Device(&'static str),
}

impl Scope {
    /// Whether `device`'s counts are among them.
    fn holds(self, device: &str) -> bool {
        match self {
            Self::All => true,
            Self::Device(name) => name == device,
        }
    }
}

/// How a sum must compare.
#[derive(Clone, Copy, Debug)]
pub enum Relation {
    /// It is this number.
    Is(u64),
    /// It is greater than this number.
    MoreThan(u64),
    /// It is the sum of these.
    Equals(&'static [Quantity]),
    /// It is greater than the sum of these.
    Exceeds(&'static [Quantity]),
}

/// Something that can be counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// Events of this name in the trace's text.
    Events(&'static str),
    /// Bounced for `swiotlb=force`.
    BouncedForced,
    /// Bounced because of a mask.
    BouncedNatural,
    /// Pages mapped at their physical address.
    PagesIdentical,
    /// Pages mapped elsewhere.
    PagesElsewhere,
    /// Pages whose mapping failed.
    PagesFailed,
    /// Lists mapped at their physical addresses.
    ListsIdentical,
    /// Lists mapped elsewhere.
    ListsElsewhere,
    /// Entries of all lists.
    ListEntries,
    /// Mappings that nothing ended.
    Live,
    /// Unmappings of what was not mapped.
    Strays,
    /// Bytes that the IOMMU was told to translate.
    TranslatedBytes,
    /// Lines of the trace that could not be read.
    Unreadable,
    /// Events that the ring buffers lost, or that were not counted.
    Lost,
    /// Events whose text and whose counter disagree in number.
    Miscounted,
    /// Lines of `swiotlb.txt`.
    PoolLines,
    /// This line's value in `swiotlb.txt`, as `LABEL COUNTER`.
    Pool(&'static str),
    /// The same for a counter of the most that was held, which is no more than the pool has: the kernel hands slots out
    /// again a moment before it counts them as given back (`swiotlb_release_slots`), and so counts some twice when another
    /// processor is waiting for them.
    PoolMost(&'static str),
    /// PCI devices in an IOMMU group of this type; devices in no group for `none`.
    InGroups(&'static str),
    /// PCI devices.
    PciDevices,
    /// Kernel messages that contain this.
    Messages(&'static str),
    /// Events that the probes' ring had no room for.
    Dropped,
    /// Mappings and allocations to which the daemon gave this verdict.
    Verdicts(&'static str),
    /// All to which it gave any.
    AllVerdicts,
    /// Mappings and allocations that the daemon knows as live.
    LiveByProbes,
    /// Events that ended or synchronised what the daemon does not know.
    Unmatched,
    /// This total of the daemon's devices.
    Total(&'static str),
    /// What the daemon says of the pool: its estimate, or what it read of the kernel.
    PoolByProbes(&'static str),
    /// The same for the most that the kernel says was held, which is no more than the pool has.
    PoolMostByProbes(&'static str),
}

/// What a guest handed over, read.
#[derive(Debug)]
pub struct Evidence<'a> {
    files: &'a [ParcelFile],
    tallies: Tallies,
    answers: Answers,
}

/// Programs and files on the host that checks need beside what the guest handed over.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The `busdma` command, where it is built.
    pub client: Option<&'a Path>,
    /// The folder that the guest's files were written to.
    pub folder: &'a Path,
}

/// An expectation, or a step, that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// What should hold.
    pub says: String,
    /// What was found instead; none if it holds.
    pub but: Option<String>,
}

/// Checks all that is known of `configuration` against what its guest handed over.
pub fn check(configuration: Configuration, daemon: Daemon, files: &[ParcelFile], host: Host<'_>) -> Vec<Checked> {
    let reached = text(files, FAILURE);
    let whole = Checked {
        says: "the guest gets to its end".to_owned(),
        but: (!reached.is_empty()).then(|| reached.trim().to_owned()),
    };
    if whole.but.is_some() {
        // Nothing else can be expected of a scenario that broke off.
        return vec![whole];
    }
    let steps = scenario::steps(configuration, daemon);
    let work = text(files, "work.txt");
    let mut checked = vec![whole];
    checked.extend(
        steps
            .iter()
            .zip(work.lines().map(Some).chain(std::iter::repeat(None)))
            .map(|(step, line)| check_step(step, configuration, line)),
    );
    let tallies = Tallies::of(&text(files, "trace.txt"));
    let mut evidence = Evidence { files, tallies, answers: Answers::default() };
    checked.extend(table::expectations(configuration).map(|expectation| evidence.check(expectation)));
    let (Daemon::Present, Some(client)) = (daemon, host.client) else { return checked };
    match Answers::read(files) {
        Ok(answers) => evidence.answers = answers,
        Err(but) => {
            checked.push(Checked { says: "the daemon's answers are understood".to_owned(), but: Some(but) });
            return checked;
        }
    }
    checked.extend(evidence.answers.check_probes(|event| table::unseen_by_ftrace(configuration, event)));
    checked.extend(table::probed(configuration).map(|expectation| evidence.check(expectation)));
    checked.extend(verbs::check(client, host.folder, &evidence.answers));
    checked
}

fn check_step(step: &Step, configuration: Configuration, line: Option<&str>) -> Checked {
    let says = format!("{step}: {}", scenario::expected(step, configuration));
    let but = match line {
        Some(line) if line == says => None,
        Some(line) => Some(line.to_owned()),
        None => Some("not reached".to_owned()),
    };
    Checked { says, but }
}

impl Evidence<'_> {
    fn check(&self, expectation: &Expectation) -> Checked {
        let tally = match expectation.of {
            Scope::All => self.tallies.all.clone(),
            Scope::Device(device) => self.tallies.device(device),
        };
        let sum = |quantities: &[Quantity]| {
            quantities.iter().map(|&one| self.value(expectation.of, &tally, one)).sum::<u64>()
        };
        let found = sum(expectation.sum);
        let (holds, wanted) = match expectation.is {
            Relation::Is(number) => (found == number, format!("is not {number}")),
            Relation::MoreThan(number) => (found > number, format!("is not more than {number}")),
            Relation::Equals(others) => (found == sum(others), format!("is not {others:?} = {}", sum(others))),
            Relation::Exceeds(others) => {
                (found > sum(others), format!("is not more than {others:?} = {}", sum(others)))
            }
        };
        let but = (!holds).then(|| format!("{:?} = {found} {wanted}", expectation.sum));
        Checked { says: expectation.says.to_owned(), but }
    }

    fn value(&self, of: Scope, tally: &Tally, quantity: Quantity) -> u64 {
        match quantity {
            Quantity::Events(event) => tally.count(event),
            Quantity::BouncedForced => tally.bounced_forced,
            Quantity::BouncedNatural => tally.bounced_natural,
            Quantity::PagesIdentical => tally.pages_identical,
            Quantity::PagesElsewhere => tally.pages_elsewhere,
            Quantity::PagesFailed => tally.pages_failed,
            Quantity::ListsIdentical => tally.lists_identical,
            Quantity::ListsElsewhere => tally.lists_elsewhere,
            Quantity::ListEntries => tally.list_entries,
            Quantity::Live => tally.live,
            Quantity::Strays => tally.strays,
            Quantity::TranslatedBytes => tally.translated_bytes,
            Quantity::Unreadable => tally.unreadable,
            Quantity::Lost => self.lost(),
            Quantity::Miscounted => self.miscounted(),
            Quantity::PoolLines => self.lines("swiotlb.txt", |_| true),
            Quantity::Pool(counter) => or_too_many(self.pool(counter)),
            Quantity::PoolMost(counter) => or_too_many(most(self.pool(counter), self.pool("boot io_tlb_nslabs"))),
            Quantity::InGroups(kind) => self.lines("pci.txt", |line| match kind {
                "none" => line.ends_with("iommu_group=none"),
                _ => line.ends_with(&format!(":{kind}")),
            }),
            Quantity::PciDevices => self.lines("pci.txt", |_| true),
            Quantity::Messages(words) => self.lines("dmesg.txt", |line| line.contains(words)),
            Quantity::Dropped => self.answers.dropped(),
            Quantity::Verdicts(kind) => self.answers.verdicts(of, Some(kind)),
            Quantity::AllVerdicts => self.answers.verdicts(of, None),
            Quantity::LiveByProbes => self.answers.live(),
            Quantity::Unmatched => self.answers.unmatched(),
            Quantity::Total(key) => self.answers.total(of, key),
            Quantity::PoolByProbes(key) => or_too_many(self.answers.pool(key)),
            Quantity::PoolMostByProbes(key) => {
                or_too_many(most(self.answers.pool(key), self.answers.pool("total_slots")))
            }
        }
    }

    fn lines(&self, file: &str, holds: impl Fn(&str) -> bool) -> u64 {
        text(self.files, file).lines().filter(|line| holds(line)).count() as u64
    }

    /// Sum of everything that a counter of `tracestats.txt` or `hits.txt` calls lost.
    fn lost(&self) -> u64 {
        let buffers = text(self.files, "tracestats.txt");
        let of_buffers = buffers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(key, _)| matches!(*key, "overrun" | "commit overrun" | "dropped events"));
        let hits = text(self.files, "hits.txt");
        let of_hits = hits.lines().filter_map(|line| line.split_once(" dropped="));
        of_buffers.chain(of_hits).map(|(_, number)| number.trim().parse::<u64>().unwrap_or(1)).sum()
    }

    fn miscounted(&self) -> u64 {
        let hits = text(self.files, "hits.txt");
        let differs = |line: &str| {
            let mut words = line.split([' ', '/']);
            let (event, hits) = (words.nth(1).unwrap_or_default(), words.next().unwrap_or_default());
            hits != format!("hits={}", self.tallies.all.count(event))
        };
        // Without the file, nothing was counted.
        if hits.is_empty() { 1 } else { hits.lines().filter(|line| differs(line)).count() as u64 }
    }

    fn pool(&self, counter: &str) -> Option<u64> {
        let pool = text(self.files, "swiotlb.txt");
        let value = pool.lines().find_map(|line| line.strip_prefix(counter)?.strip_prefix('='));
        value?.parse().ok()
    }
}

/// The most slots of a pool that were held, no more than it has; none where either is missing.
fn most(held: Option<u64>, has: Option<u64>) -> Option<u64> {
    Some(held?.min(has?))
}

/// Larger than any pool where a number of slots is missing, so that it is seen.
fn or_too_many(slots: Option<u64>) -> u64 {
    slots.unwrap_or(u64::from(u32::MAX))
}

fn text(files: &[ParcelFile], name: &str) -> String {
    let found = files.iter().find(|file| file.name == name);
    found.map(|file| String::from_utf8_lossy(&file.contents).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_full(swiotlb: &str) -> Checked {
        let files = [ParcelFile { name: "swiotlb.txt".to_owned(), contents: swiotlb.as_bytes().to_vec() }];
        let evidence = Evidence { files: &files, tallies: Tallies::of(""), answers: Answers::default() };
        evidence.check(&Expectation {
            says: "the pool was full",
            of: Scope::All,
            sum: &[Quantity::PoolMost("end io_tlb_used_hiwater")],
            is: Relation::Is(512),
        })
    }

    #[test]
    fn slots_that_the_kernel_counts_twice_do_not_make_a_pool_larger() {
        let text = "boot io_tlb_nslabs=512\nend io_tlb_used_hiwater=514\n";
        assert_eq!(check_full(text).but, None);
        let text = "boot io_tlb_nslabs=512\nend io_tlb_used_hiwater=510\n";
        assert!(check_full(text).but.is_some(), "a pool that was never full");
    }

    #[test]
    fn a_missing_line_does_not_make_a_pool_full() {
        for text in ["boot io_tlb_nslabs=512\n", "end io_tlb_used_hiwater=512\n", ""] {
            let but = check_full(text).but.unwrap_or_else(|| panic!("{text}"));
            assert!(but.ends_with("= 4294967295 is not 512"), "{but}");
        }
    }

    #[test]
    fn what_is_missing_is_no_most() {
        let all =
            [(Some(514), Some(512), Some(512)), (None, Some(512), None), (Some(512), None, None), (None, None, None)];
        for (held, has, expected) in all {
            assert_eq!(most(held, has), expected, "{held:?} of {has:?}");
        }
    }
}
