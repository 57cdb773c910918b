//! Virtual addresses: mapped, translated, never two regions at one.

use crate::support::{PAGE, at, machine, made, model, page, refused, registered, small_model};
use busdma_engine::{AddressSpace, BusSize, Memory, PhysAddr, VirtAddr};
use busdma_memory::{Layout, RegisterRequest};

const SCATTERED: Layout = Layout::Scattered { seed: 11 };

#[test]
fn addresses_nobody_chose_have_a_page_between_them_and_do_not_come_back() {
    for (space, base) in [(AddressSpace::Kernel, 0xffff_f800_0000_0000), (AddressSpace::User, 0x1_0000)] {
        let mut memory = machine(model());
        let mut next = |pages| {
            let id = registered(&mut memory, RegisterRequest { space, ..made(pages, SCATTERED) });
            let vaddr = memory.region(id).unwrap().vaddr().raw();
            memory.release(id).unwrap();
            (vaddr - base) / PAGE
        };
        assert_eq!([next(1), next(5), next(2), next(1)], [0, 2, 8, 11], "{space:?}");
    }
}

#[test]
fn chosen_addresses_are_stepped_over() {
    let mut memory = machine(model());
    let base = 0xffff_f800_0000_0000;
    registered(&mut memory, at(made(2, SCATTERED), AddressSpace::Kernel, base + PAGE));
    let id = registered(&mut memory, made(1, SCATTERED));
    assert_eq!(memory.region(id).unwrap().vaddr(), VirtAddr::new(base + 3 * PAGE), "one page would leave no guard");
    let taken = refused(&mut memory, at(made(9, SCATTERED), AddressSpace::Kernel, base)).to_string();
    assert!(taken.starts_with("virtual address 0xfffff80000001000 is mapped already"), "{taken}");
}

#[test]
fn the_two_spaces_are_apart() {
    let mut memory = machine(small_model());
    let (kernel, user) = (AddressSpace::Kernel, AddressSpace::User);
    registered(&mut memory, at(made(2, Layout::Pages(vec![page(60), page(50)])), kernel, 0x5000));
    registered(&mut memory, at(made(1, Layout::Pages(vec![page(70)])), user, 0x5000));
    let translate = |memory: &dyn Memory, space, addr| memory.translate(space, VirtAddr::new(addr));
    let cases = [
        (kernel, 0x4fff, None),
        (kernel, 0x5000, Some(60 * PAGE)),
        (kernel, 0x5fff, Some(60 * PAGE + 0xfff)),
        (kernel, 0x6123, Some(50 * PAGE + 0x123)),
        (kernel, 0x7000, None),
        (user, 0x5123, Some(70 * PAGE + 0x123)),
        (user, 0x6000, None),
    ];
    for (space, addr, expected) in cases {
        assert_eq!(translate(&memory, space, addr), expected.map(PhysAddr::new), "{space:?} {addr:#x}");
    }
    let first = memory.regions().next().unwrap().0;
    memory.release(first).unwrap();
    assert_eq!(translate(&memory, kernel, 0x5000), None);
    assert_eq!(translate(&memory, user, 0x5000), Some(page(70)));
    registered(&mut memory, at(made(1, SCATTERED), kernel, 0x6000));
}

#[test]
fn what_was_asked_for_is_what_is_told() {
    let mut memory = machine(model());
    let request = RegisterRequest {
        len: BusSize::new(PAGE + 1),
        space: AddressSpace::User,
        ..made(2, Layout::Contiguous { base: None })
    };
    let id = registered(&mut memory, request);
    let region = memory.region(id).unwrap();
    assert_eq!((region.len(), region.space(), region.owner().raw()), (BusSize::new(PAGE + 1), AddressSpace::User, 1));
    let top = model().maxmem.raw();
    assert_eq!(region.pages(), [PhysAddr::new(top - 2 * PAGE), PhysAddr::new(top - PAGE)], "32 bits do not reach it");
    assert_eq!(memory.regions().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), ["region0"]);
}
