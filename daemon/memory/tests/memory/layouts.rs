//! Regions of every layout, registered and released at random, against a plain list of pages.

use crate::support::{PAGE, bytes_at, bytes_in_file, machine, made, owned_by, page, passed, small_model, write_at};
use busdma_engine::{BusSize, PhysAddr};
use busdma_memory::{Layout, MachineMemory, RegionId, RegisterRequest};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    Made(u64),
    Passed,
}

/// What should be true of a page in use.
#[derive(Clone, Copy, Debug)]
struct Used {
    holder: Holder,
    uses: usize,
    content: u8,
}

#[derive(Default)]
struct Expected {
    pages: BTreeMap<u64, Used>,
    regions: Vec<(RegionId, Vec<u64>)>,
    marks: u8,
}

#[derive(Clone, Debug)]
enum Step {
    Register(Holder, Wish),
    /// The pages of a region once more, backwards.
    Again(Holder, Index),
    Release(Index),
}

#[derive(Clone, Debug)]
enum Wish {
    Top(u64),
    From(u64, u64),
    Scattered(u64, u64),
    Pages(Vec<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let holder = prop_oneof![3 => Just(Holder::Made(1)), 1 => Just(Holder::Made(2)), 1 => Just(Holder::Passed)];
    let wish = prop_oneof![
        (1_u64..40).prop_map(Wish::Top),
        (0_u64..130, 1_u64..20).prop_map(|(first, count)| Wish::From(first, count)),
        (any::<u64>(), 1_u64..50).prop_map(|(seed, count)| Wish::Scattered(seed, count)),
        proptest::collection::vec(45_u64..100, 1..6).prop_map(Wish::Pages),
        proptest::collection::vec(0_u64..16, 1..4).prop_map(Wish::Pages),
    ];
    let step = prop_oneof![
        3 => (holder.clone(), wish).prop_map(|(holder, wish)| Step::Register(holder, wish)),
        1 => (holder, any::<Index>()).prop_map(|(holder, region)| Step::Again(holder, region)),
        2 => any::<Index>().prop_map(Step::Release),
    ];
    proptest::collection::vec(step, 0..50)
}

impl Wish {
    fn count(&self) -> u64 {
        match self {
            Self::Top(count) | Self::From(_, count) | Self::Scattered(_, count) => *count,
            Self::Pages(pages) => pages.len() as u64,
        }
    }

    fn request(&self, holder: Holder) -> RegisterRequest {
        let layout = match self {
            Self::Top(_) => Layout::Contiguous { base: None },
            Self::From(first, _) => Layout::Contiguous { base: Some(page(*first)) },
            Self::Scattered(seed, _) => Layout::Scattered { seed: *seed },
            Self::Pages(pages) => Layout::Pages(pages.iter().map(|&number| page(number)).collect()),
        };
        match holder {
            Holder::Made(owner) => owned_by(made(self.count(), layout), owner),
            Holder::Passed => passed(self.count(), layout),
        }
    }
}

impl Expected {
    fn free(&self, number: u64) -> bool {
        !self.pages.contains_key(&number)
    }

    /// The pages a wish should get; `Err` when it should be refused, `Ok(None)` when any free ones will do.
    fn answer(&self, holder: Holder, wish: &Wish) -> Result<Option<Vec<u64>>, ()> {
        let usable = |number: u64| number < 128 && !(1..9).contains(&number) && !(16..48).contains(&number);
        match wish {
            Wish::Top(count) => {
                let fits = |first: &u64| (*first..first + count).all(|number| self.free(number));
                let first = (48..=128_u64.saturating_sub(*count)).rev().find(fits).ok_or(())?;
                Ok(Some((first..first + count).collect()))
            }
            Wish::From(first, count) => {
                let pages: Vec<u64> = (*first..first + count).collect();
                let all = pages.iter().all(|&number| usable(number) && self.free(number));
                if all { Ok(Some(pages)) } else { Err(()) }
            }
            Wish::Scattered(_, count) => {
                let free = (48..128).filter(|&number| self.free(number)).count() as u64;
                if free >= *count { Ok(None) } else { Err(()) }
            }
            Wish::Pages(pages) => {
                let own = |number: u64| holder != Holder::Passed && self.pages[&number].holder == holder;
                let all = pages.iter().all(|&number| usable(number) && (self.free(number) || own(number)));
                let distinct = pages.iter().collect::<BTreeSet<_>>().len() == pages.len();
                if all && (distinct || holder != Holder::Passed) { Ok(Some(pages.clone())) } else { Err(()) }
            }
        }
    }

    fn register(&mut self, memory: &mut MachineMemory, holder: Holder, wish: &Wish) {
        let answer = self.answer(holder, wish);
        let registered = memory.register(wish.request(holder));
        assert_eq!(registered.is_ok(), answer.is_ok(), "{wish:?} for {holder:?}: {registered:?}");
        if let (Ok(id), Ok(pages)) = (registered, answer) {
            self.check_registered(memory, id, holder, wish, pages);
        }
    }

    fn check_registered(
        &mut self,
        memory: &MachineMemory,
        id: RegionId,
        holder: Holder,
        wish: &Wish,
        pages: Option<Vec<u64>>,
    ) {
        let region = memory.region(id).unwrap();
        let got: Vec<u64> = region.pages().iter().map(|page| page.raw() / PAGE).collect();
        if let Some(pages) = pages {
            assert_eq!(got, pages);
        } else {
            assert!(got.iter().all(|&number| self.free(number) && (48..128).contains(&number)), "{got:?}");
            assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), got.len(), "distinct: {got:?}");
        }
        assert_eq!(got.len() as u64, wish.count());
        let in_order = got.iter().collect::<BTreeSet<_>>().len() == got.len() && got.iter().all(|&n| self.free(n));
        assert_eq!(region.fd().is_some(), in_order, "{got:?}");
        for &number in &got {
            self.pages.entry(number).or_insert(Used { holder, uses: 0, content: 0 }).uses += 1;
        }
        self.check_bytes(memory);
        for (index, &number) in (0..).zip(&got) {
            self.marks = self.marks.wrapping_add(1);
            self.pages.get_mut(&number).unwrap().content = self.marks;
            write_at(memory, page(number), &[self.marks; 4096]);
            if let Some(fd) = region.fd() {
                assert_eq!(bytes_in_file(fd, index * PAGE, 4096), [self.marks; 4096]);
            }
        }
        self.regions.push((id, got));
    }

    fn release(&mut self, memory: &mut MachineMemory, index: Index) {
        let (id, pages) = self.regions.swap_remove(index.index(self.regions.len()));
        memory.release(id).unwrap();
        for number in pages {
            let used = self.pages.get_mut(&number).unwrap();
            used.uses -= 1;
            if used.uses == 0 {
                self.pages.remove(&number);
            }
        }
    }

    fn check_bytes(&self, memory: &MachineMemory) {
        for number in 0..130 {
            match self.pages.get(&number) {
                Some(used) => assert_eq!(bytes_at(memory, page(number), 4096), [used.content; 4096], "page {number}"),
                None => assert!(memory.span(page(number), BusSize::new(1)).is_none(), "page {number} is nobody's"),
            }
        }
    }
}

proptest! {
    #[test]
    fn pages_and_bytes_are_as_a_plain_list_has_them(steps in steps()) {
        let mut memory = machine(small_model());
        let mut expected = Expected::default();
        for step in steps {
            match step {
                Step::Register(holder, wish) => expected.register(&mut memory, holder, &wish),
                Step::Again(holder, index) if !expected.regions.is_empty() => {
                    let mut pages = expected.regions[index.index(expected.regions.len())].1.clone();
                    pages.reverse();
                    expected.register(&mut memory, holder, &Wish::Pages(pages));
                }
                Step::Release(index) if !expected.regions.is_empty() => expected.release(&mut memory, index),
                Step::Again(..) | Step::Release(_) => {}
            }
            expected.check_bytes(&memory);
        }
    }

    #[test]
    fn a_seed_scatters_the_same_way_every_time(seed in any::<u64>(), count in 1_u64..80) {
        let pages = |seed| {
            let mut memory = machine(small_model());
            let id = memory.register(made(count, Layout::Scattered { seed })).unwrap();
            memory.region(id).unwrap().pages().to_vec()
        };
        prop_assert_eq!(pages(seed), pages(seed));
        if count > 10 {
            prop_assert_ne!(pages(seed), pages(seed ^ 1));
        }
    }
}

/// Scattered pages are all over the area, hardly ever neighbours.
#[test]
fn scattered_is_scattered() {
    let mut memory = machine(crate::support::model());
    let id = memory.register(made(1024, Layout::Scattered { seed: 42 })).unwrap();
    let pages = memory.region(id).unwrap().pages();
    let neighbours = pages.windows(2).filter(|pair| pair[0].wrapping_add(BusSize::PAGE) == pair[1]).count();
    assert!(neighbours < 3, "{neighbours} neighbours among 1024 of 4 million pages");
    let above_4g = pages.iter().filter(|&&page| page > PhysAddr::new(u64::from(u32::MAX))).count();
    assert!((700..850).contains(&above_4g), "{above_4g} of 1024 above 4 GiB, three quarters of the area are");
}
