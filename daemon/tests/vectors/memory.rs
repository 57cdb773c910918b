//! A scenario's memory as the daemon holds it.
//!
//! Every page that the scenario names is registered once at the beginning and stays, so that its bytes do; every run of
//! virtual pages is registered at its own address with the pages it is mapped to.

use crate::request::{Buffers, Named, for_each_named};
use crate::scenario::Step;
use busdma_api::client::Client;
use busdma_api::engine::{Buffer, Layout, Operation, OperationResult, PoolRun, RegisterMemory, Space, Submit};
use busdma_api::{Hex, MachineId, MemoryRef};
use busdma_trace::format::{Buf, Input, Output};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const PAGE: u64 = 4096;

/// Where all pages are registered in a row, in either space: no scenario has anything there.
const ALL_PAGES: [(Space, u64); 2] = [(Space::Kernel, 0xffff_8000_0000_0000), (Space::User, 0x6000_0000_0000)];

/// Everything a scenario names.
#[derive(Default)]
pub(crate) struct Plan {
    /// Physical pages, by their first address.
    pub(crate) pages: BTreeSet<u64>,
    /// Virtual page number to the physical page, in the kernel's and in the user's space.
    mapped: [BTreeMap<u64, u64>; 2],
}

/// Registered memory.
pub(crate) struct Memory {
    pages: Vec<u64>,
    /// All pages in a row, in the kernel's and in the user's space.
    all: [MemoryRef; 2],
    runs: Vec<Run>,
    dmamem: Vec<Dmamem>,
}

/// Neighbouring virtual pages.
struct Run {
    space: Space,
    vaddr: u64,
    pages: Vec<u64>,
    memory: Option<MemoryRef>,
}

/// dmamem: where FreeBSD's answer has it, and where the daemon has it.
#[derive(Clone)]
pub(crate) struct Dmamem {
    pub(crate) memory: MemoryRef,
    pub(crate) vaddr: u64,
    /// The first byte.
    pub(crate) paddr: u64,
    /// Bytes.
    pub(crate) len: u64,
    /// FreeBSD's pages.
    pub(crate) pages: Vec<u64>,
    /// The daemon's.
    pub(crate) runs: Vec<PoolRun>,
}

impl Plan {
    /// What the loads of a scenario name, apart from dmamem.
    pub(crate) fn of(steps: &[Step<'_>]) -> Self {
        let mut plan = Self::default();
        let mut dmamem = Vec::new();
        for step in steps {
            if let Output::DmamemAlloc(allocated) = &step.output
                && let (Some(vaddr), Some(pages)) = (allocated.vaddr, &allocated.pages)
            {
                dmamem.push(vaddr.0 / PAGE..vaddr.0 / PAGE + pages.len() as u64);
            }
            if let Input::Load(load) = &step.input {
                for_each_named(&load.request, &mut |named| match named {
                    Named::Virtual(Space::Kernel, buf)
                        if dmamem.iter().any(|at| at.contains(&(buf.vaddr.0 / PAGE))) => {}
                    Named::Virtual(space, buf) => plan.map(space, buf),
                    Named::Physical(start, len) => plan.pages.extend(pages_of(start, len)),
                });
            }
        }
        plan
    }

    fn map(&mut self, space: Space, buf: &Buf) {
        for (vpage, page) in (buf.vaddr.0 / PAGE..).zip(&buf.pages) {
            self.pages.insert(page.0);
            let before = self.mapped[index(space)].insert(vpage, page.0);
            assert!(before.is_none_or(|before| before == page.0), "virtual page {vpage:#x} is mapped anew");
        }
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (space, _) in ALL_PAGES {
            for (&vpage, &page) in &self.mapped[index(space)] {
                match runs.last_mut() {
                    Some(run) if run.space == space && run.vaddr / PAGE + run.pages.len() as u64 == vpage => {
                        run.pages.push(page);
                    }
                    _ => runs.push(Run { space, vaddr: vpage * PAGE, pages: vec![page], memory: None }),
                }
            }
        }
        runs
    }

    /// Registers everything. `spare` is a page for what has no bytes.
    pub(crate) fn register(mut self, client: &mut Client, machine: MachineId, spare: u64) -> Memory {
        self.pages.insert(spare);
        let pages: Vec<_> = self.pages.iter().copied().collect();
        let mut runs = self.runs();
        let whole = ALL_PAGES.map(|(space, vaddr)| Run { space, vaddr, pages: pages.clone(), memory: None });
        let operations = whole.iter().chain(&runs).map(|run| run.registration(machine)).collect();
        let results = client.call(&Submit { operations, on_error: None }).unwrap().results;
        let mut registered = results.into_iter().map(|result| match result {
            OperationResult::RegisterMemory(reply) => reply.memory,
            other => panic!("not registered: {other:?}"),
        });
        let all = ALL_PAGES.map(|_| registered.next().unwrap());
        for run in &mut runs {
            run.memory = Some(registered.next().unwrap());
        }
        Memory { pages, all, runs, dmamem: Vec::new() }
    }
}

impl Run {
    fn registration(&self, machine: MachineId) -> Operation {
        Operation::RegisterMemory(Box::new(RegisterMemory {
            machine: Some(machine),
            length: self.pages.len() as u64 * PAGE,
            layout: Some(Layout::Pages(self.pages.iter().map(|&page| Hex(page)).collect())),
            space: Some(self.space),
            vaddr: Some(Hex(self.vaddr)),
            ..RegisterMemory::default()
        }))
    }

    fn end(&self) -> u64 {
        self.vaddr + self.pages.len() as u64 * PAGE
    }
}

impl Memory {
    /// Enters dmamem that was allocated.
    pub(crate) fn allocated(&mut self, dmamem: Dmamem) {
        self.dmamem.push(dmamem);
    }

    /// Forgets dmamem that was freed.
    pub(crate) fn freed(&mut self, memory: MemoryRef) {
        self.dmamem.retain(|dmamem| dmamem.memory != memory);
    }

    /// The dmamem that a buffer lies in.
    pub(crate) fn dmamem_of(&self, buf: &Buf) -> Option<&Dmamem> {
        self.dmamem.iter().find(|dmamem| dmamem.virtual_pages().contains(&(buf.vaddr.0 / PAGE)))
    }

    /// Where a byte at one of FreeBSD's physical addresses is.
    pub(crate) fn place(&self, paddr: u64) -> (MemoryRef, u64) {
        if let Some((dmamem, offset)) = self.dmamem_at(paddr) {
            return (dmamem.memory, offset);
        }
        let page = self.pages.binary_search(&(paddr & !(PAGE - 1)));
        let page = page.unwrap_or_else(|_| panic!("{paddr:#x} is nobody's"));
        (self.all[0], page as u64 * PAGE + paddr % PAGE)
    }

    /// The daemon's address where FreeBSD has this one.
    pub(crate) fn daemons(&self, addr: u64) -> u64 {
        let Some((dmamem, mut offset)) = self.dmamem_at(addr) else { return addr };
        for run in &dmamem.runs {
            if offset < run.length {
                return run.addr.0 + offset;
            }
            offset -= run.length;
        }
        panic!("{addr:#x} lies behind the dmamem's end");
    }

    fn dmamem_at(&self, paddr: u64) -> Option<(&Dmamem, u64)> {
        self.dmamem.iter().find_map(|dmamem| {
            let index = dmamem.pages.iter().position(|&page| page == paddr & !(PAGE - 1))?;
            let offset = (index as u64 * PAGE + paddr % PAGE).checked_sub(dmamem.paddr % PAGE)?;
            (offset < dmamem.len).then_some((dmamem, offset))
        })
    }
}

impl Dmamem {
    fn virtual_pages(&self) -> std::ops::Range<u64> {
        self.vaddr / PAGE..self.vaddr / PAGE + self.pages.len() as u64
    }

    /// The first byte of each page, FreeBSD's and the daemon's.
    pub(crate) fn pairs(&self) -> Vec<(u64, u64)> {
        let mut theirs = self.runs.iter().flat_map(|run| {
            let start = run.addr.0;
            pages_of(start, run.length).map(move |page| page.max(start))
        });
        let ours = std::iter::once(self.paddr).chain(self.pages.iter().skip(1).copied());
        ours.map_while(|ours| Some((ours, theirs.next()?))).collect()
    }
}

impl Buffers for Memory {
    fn buffer(&self, space: Space, buf: &Buf, length: u64) -> Buffer {
        if buf.pages.is_empty() {
            return Buffer { memory: self.all[index(space)], offset: Some(buf.vaddr.0 % PAGE), length };
        }
        if let Some(dmamem) = self.dmamem_of(buf) {
            return Buffer { memory: dmamem.memory, offset: Some(buf.vaddr.0 - dmamem.vaddr), length };
        }
        let run = self.runs.iter().find(|run| run.space == space && (run.vaddr..run.end()).contains(&buf.vaddr.0));
        let run = run.unwrap_or_else(|| panic!("{:#x} is not registered", buf.vaddr.0));
        Buffer { memory: run.memory.unwrap(), offset: Some(buf.vaddr.0 - run.vaddr), length }
    }
}

/// The pages that bytes lie in.
fn pages_of(start: u64, len: u64) -> impl Iterator<Item = u64> {
    let first = start & !(PAGE - 1);
    (first..start + len).step_by(4096)
}

const fn index(space: Space) -> usize {
    match space {
        Space::Kernel => 0,
        Space::User => 1,
    }
}
