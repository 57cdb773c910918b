//! dmamem: first fit, checked against a search that tries every page.

use crate::support::{PAGE, bytes_in_file, machine, made, model, page, registered, small_model, write_at};
use busdma_engine::{
    AddressSpace, Alignment, AllocatorClass, AllocatorFill, AllocatorWait, Boundary, BusSize, DmamemRegion,
    DmamemRequest, FrameSource, Memory, MemoryAttribute, PhysAddr, VirtAddr,
};
use busdma_memory::{DmamemRefusal, Layout, MachineMemory};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;

fn request(class: AllocatorClass, size: u64) -> DmamemRequest {
    let (wait, fill) = (AllocatorWait::NoWait, AllocatorFill::Leftover);
    DmamemRequest { class, size: BusSize::new(size), wait, fill }
}

fn contiguous(high: u64, alignment: u64, boundary: Option<u64>) -> AllocatorClass {
    AllocatorClass::Contiguous {
        high: PhysAddr::new(high),
        alignment: Alignment::new(alignment).unwrap(),
        boundary: boundary.map(|bytes| Boundary::new(bytes).unwrap()),
        attribute: MemoryAttribute::Default,
    }
}

fn anywhere(high: u64) -> AllocatorClass {
    AllocatorClass::Pages { high: PhysAddr::new(high), attribute: MemoryAttribute::Default }
}

#[derive(Clone, Debug)]
enum Step {
    Allocate(DmamemRequest),
    Free(Index),
    /// A client takes pages too.
    Register(u64),
}

fn highs() -> impl Strategy<Value = u64> {
    prop_oneof![Just(u64::MAX), (0_u64..140).prop_map(|page| page * PAGE + 0xfff), 0..140 * PAGE]
}

fn classes() -> impl Strategy<Value = AllocatorClass> {
    let boundary = proptest::option::of((9_u32..20).prop_map(|power| 1 << power));
    prop_oneof![
        Just(AllocatorClass::Malloc),
        highs().prop_map(anywhere),
        (highs(), 0_u32..19, boundary).prop_map(|(high, power, boundary)| contiguous(high, 1 << power, boundary)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let allocate = (classes(), 0..12 * PAGE).prop_map(|(class, size)| Step::Allocate(request(class, size)));
    let step = prop_oneof![
        5 => allocate,
        3 => any::<Index>().prop_map(Step::Free),
        1 => (1_u64..10).prop_map(Step::Register),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The pages a request should get on the small machine, found by trying each place in turn.
fn expected(request: &DmamemRequest, taken: &BTreeSet<u64>) -> Option<Vec<u64>> {
    let count = request.size.to_pages_ceil();
    let low_enough = |page: u64, high: PhysAddr| page * PAGE + 0xfff <= high.raw();
    let row_is_free = |first: u64, area_end: u64| {
        first + count <= area_end && (first..first + count).all(|page| !taken.contains(&page))
    };
    let row = |first: u64| (first..first + count).collect::<Vec<_>>();
    let mut places =
        [(16..48, 48), (48..128, 128)].into_iter().flat_map(|(area, end)| area.map(move |page| (page, end)));
    match request.class {
        AllocatorClass::Malloc => {
            let count = count.max(1);
            let free = |first: u64| (first..first + count).all(|page| !taken.contains(&page));
            let first = places.find(|&(first, end)| first + count <= end && free(first))?.0;
            Some((first..first + count).collect())
        }
        _ if count == 0 => None,
        AllocatorClass::Pages { high, .. } => {
            let free: Vec<u64> = (16..128).filter(|page| !taken.contains(page) && low_enough(*page, high)).collect();
            free.get(..usize::try_from(count).ok()?).map(<[u64]>::to_vec)
        }
        AllocatorClass::Contiguous { high, alignment, boundary, .. } => places
            .find(|&(first, end)| {
                let (start, last) = (first * PAGE, (first + count) * PAGE - 1);
                row_is_free(first, end)
                    && low_enough(first + count - 1, high)
                    && start % alignment.bytes() == 0
                    && boundary.is_none_or(|boundary| start / boundary.bytes() == last / boundary.bytes())
            })
            .map(|(first, _)| row(first)),
    }
}

fn check_region(memory: &MachineMemory, region: &DmamemRegion, pages: &[u64]) {
    let addresses: Vec<PhysAddr> = pages.iter().map(|&number| page(number)).collect();
    assert_eq!(region.pages, addresses);
    assert_eq!(region.paddr, addresses[0]);
    let backing = memory.dmamem_region(region.paddr).unwrap();
    assert_eq!((backing.offset, backing.len), (0, BusSize::new(pages.len() as u64 * PAGE)));
    let content = bytes_in_file(backing.fd, 0, pages.len() * 4096);
    assert!(content.iter().all(|&byte| byte == 0), "fresh memory is zero");
    for (index, &addr) in (0..).zip(&addresses) {
        let vaddr = region.vaddr.wrapping_add(BusSize::new(index * PAGE));
        assert_eq!(memory.translate(AddressSpace::Kernel, vaddr), Some(addr));
        write_at(memory, addr, &addr.raw().to_le_bytes());
        assert_eq!(bytes_in_file(backing.fd, index * PAGE, 8), addr.raw().to_le_bytes());
    }
}

proptest! {
    #[test]
    fn the_lowest_pages_that_will_do(steps in steps()) {
        let mut memory = machine(small_model());
        let mut taken = BTreeSet::new();
        let mut live: Vec<(DmamemRegion, DmamemRequest, Vec<u64>)> = Vec::new();
        for step in steps {
            match step {
                Step::Allocate(request) => {
                    let expected = expected(&request, &taken);
                    let region = memory.dmamem(&request);
                    prop_assert_eq!(region.is_some(), expected.is_some(), "{:?}: {:?}", request, expected);
                    prop_assert_eq!(region.is_none(), memory.dmamem_refusal().is_some());
                    let (Some(region), Some(pages)) = (region, expected) else { continue };
                    check_region(&memory, &region, &pages);
                    taken.extend(&pages);
                    live.push((region, request, pages));
                }
                Step::Free(index) if !live.is_empty() => {
                    let (region, request, pages) = live.swap_remove(index.index(live.len()));
                    memory.free_dmamem(&region, &request);
                    for page in pages {
                        taken.remove(&page);
                    }
                    prop_assert!(memory.dmamem_region(region.paddr).is_none());
                    prop_assert_eq!(memory.translate(AddressSpace::Kernel, region.vaddr), None);
                    prop_assert!(memory.span(region.paddr, BusSize::PAGE).is_none());
                    memory.free_dmamem(&region, &request);
                }
                Step::Free(_) => {}
                Step::Register(pages) => {
                    let Ok(id) = memory.register(made(pages, Layout::Scattered { seed: pages })) else { continue };
                    let region = memory.region(id).unwrap();
                    for page in region.pages() {
                        prop_assert!(taken.insert(page.raw() / PAGE), "a client got a page of dmamem");
                    }
                }
            }
            let bytes: u64 = live.iter().map(|(_, _, pages)| pages.len() as u64 * PAGE).sum();
            prop_assert_eq!(memory.dmamem_bytes(), BusSize::new(bytes));
        }
    }
}

#[test]
fn sizes_that_no_allocator_serves() {
    let mut memory = machine(model());
    let largest = 4096 * PAGE;
    let cases = [
        (anywhere(u64::MAX), 0, false),
        (contiguous(u64::MAX, 1, None), 0, false),
        (AllocatorClass::Malloc, 0, true),
        (anywhere(u64::MAX), largest, true),
        (anywhere(u64::MAX), largest + 1, false),
        (contiguous(u64::MAX, 1, None), largest + 1, false),
        (contiguous(u64::MAX, 1, None), u64::MAX, false),
        (contiguous(u64::MAX, 1, Some(2048)), 100, false),
        (contiguous(u64::MAX, 1 << 63, None), 100, false),
    ];
    for (class, size, served) in cases {
        assert_eq!(memory.dmamem(&request(class, size)).is_some(), served, "{size} bytes as {class:?}");
    }
}

#[test]
fn the_cap_refuses_and_says_so() {
    let mut memory = machine(model());
    memory.set_dmamem_bytes_max(BusSize::new(3 * PAGE));
    let two = request(anywhere(u64::MAX), PAGE + 1);
    let region = memory.dmamem(&two).unwrap();
    assert!(memory.dmamem(&two).is_none());
    let refusal = memory.dmamem_refusal().unwrap();
    assert!(matches!(refusal, DmamemRefusal::Cap { .. }));
    let expected = "8192 bytes of dmamem were asked for and 8192 are in use, 12288 are allowed";
    assert_eq!(refusal.to_string(), expected);
    assert!(memory.dmamem(&request(AllocatorClass::Malloc, 5)).is_some(), "the last page");
    assert!(memory.dmamem_refusal().is_none());
    memory.free_dmamem(&region, &two);
    assert!(memory.dmamem(&two).is_some());
    assert!(memory.dmamem(&request(anywhere(0), 5)).is_none());
    assert!(matches!(memory.dmamem_refusal(), Some(DmamemRefusal::Cap { .. })));
    memory.set_dmamem_bytes_max(BusSize::new(u64::MAX));
    assert!(memory.dmamem(&request(anywhere(0), 5)).is_none());
    assert!(matches!(memory.dmamem_refusal(), Some(DmamemRefusal::NoRange { pages: 1, .. })));
}

#[test]
fn kernel_addresses_step_over_a_guard_page_and_over_clients() {
    let mut memory = machine(model());
    let base = 0xffff_fe80_0000_0000;
    let chosen = crate::support::at(made(1, Layout::Scattered { seed: 1 }), AddressSpace::Kernel, base + 3 * PAGE);
    registered(&mut memory, chosen);
    let mut vaddr = |pages: u64| memory.dmamem(&request(anywhere(u64::MAX), pages * PAGE)).unwrap().vaddr;
    assert_eq!(vaddr(1), VirtAddr::new(base));
    assert_eq!(vaddr(2), VirtAddr::new(base + 4 * PAGE));
    assert_eq!(vaddr(1), VirtAddr::new(base + 7 * PAGE));
}
