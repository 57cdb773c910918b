//! Bounce frames: the same as a replay's machine hands out, with bytes in the right place of the right file.

use crate::support::{PAGE, bytes_in_file, machine, model, write_at};
use busdma_engine::{Alignment, BusSize, FrameSource, PageCount, PhysAddr};
use busdma_memory::{BounceFrames, FrameRefusal, MachineMemory, MemoryModel};
use busdma_trace::TraceMachine;
use busdma_trace::format::{BounceModel, DmamemModel, Hex, MachineModel};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn replayed(bounce: BounceFrames) -> TraceMachine {
    let frames = u64::from(bounce.frames.raw());
    TraceMachine::new(&MachineModel {
        arch: "amd64".into(),
        page_size: PAGE,
        maxmem: Hex(model().maxmem.raw()),
        max_bpages: 8192,
        bounce: BounceModel { base: Hex(bounce.base.raw()), stride: bounce.stride.raw(), frames },
        dmamem: DmamemModel { base: Hex(0x200_0000), page_stride: PAGE, malloc_align: 0, limit: None },
    })
    .unwrap()
}

fn bounce_frames() -> impl Strategy<Value = BounceFrames> {
    (1_u64..600, 1_u64..18, 0_u32..48).prop_map(|(base, stride, frames)| BounceFrames {
        base: PhysAddr::new(base * PAGE),
        stride: BusSize::new(stride * PAGE),
        frames: PageCount::new(frames),
    })
}

/// Where zones end, in pages from the first frame on, and how they are aligned.
fn requests() -> impl Strategy<Value = Vec<(u64, u32)>> {
    proptest::collection::vec((prop_oneof![Just(1_u64 << 40), 0_u64..200, 0_u64..20], 0_u32..17), 0..60)
}

/// Marks every frame through its physical address and finds the mark where the zone's file should have it.
fn check_files(memory: &MachineMemory, zones: &BTreeMap<(PhysAddr, Alignment), Vec<PhysAddr>>) {
    assert_eq!(memory.zone_pools().len(), zones.len());
    for pool in memory.zone_pools() {
        let frames = &zones[&(pool.high, pool.alignment)];
        let in_runs = pool.runs.iter().flat_map(|run| {
            (0..run.len.to_pages_ceil()).map(|page| (run.bus.raw() + page * PAGE, run.offset + page * PAGE))
        });
        let expected = (0..).zip(frames).map(|(index, frame)| (frame.raw(), index * PAGE));
        assert!(in_runs.eq(expected), "{pool:?} has {frames:?} in order");
        for run in pool.runs {
            let mark = run.bus.raw().to_le_bytes();
            write_at(memory, run.bus.to_phys(), &mark);
            assert_eq!(bytes_in_file(pool.fd, run.offset, 8), mark);
        }
    }
}

proptest! {
    #[test]
    fn a_replay_hands_out_the_same_frames(bounce in bounce_frames(), requests in requests()) {
        let mut memory = machine(MemoryModel { bounce, ..model() });
        let mut replay = replayed(bounce);
        let mut zones: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (high, alignment) in requests {
            let high = PhysAddr::new(bounce.base.raw() + high * PAGE - 1);
            let alignment = Alignment::new(1 << alignment).unwrap();
            let frame = memory.bounce_frame(high, alignment);
            prop_assert_eq!(frame, replay.bounce_frame(high, alignment));
            prop_assert_eq!(frame.is_none(), memory.frame_refusal().is_some());
            if let Some(frame) = frame {
                zones.entry((high, alignment)).or_default().push(frame);
            }
        }
        let taken: usize = zones.values().map(Vec::len).sum();
        prop_assert_eq!(memory.frames_taken().raw() as usize, taken);
        check_files(&memory, &zones);
    }
}

#[test]
fn a_refusal_says_why() {
    let bounce = BounceFrames { frames: PageCount::new(3), ..model().bounce };
    let mut memory = machine(MemoryModel { bounce, ..model() });
    let high = PhysAddr::new(0xff_ffff);
    assert!(memory.bounce_frame(high, Alignment::PAGE).is_some());
    assert!(memory.frame_refusal().is_none());

    assert!(memory.bounce_frame(PhysAddr::new(0x10_0fff), Alignment::PAGE).is_none());
    let refusal = memory.frame_refusal().unwrap();
    assert!(matches!(refusal, FrameRefusal::AboveHigh { frame, .. } if frame.raw() == 0x10_1000), "{refusal}");
    assert_eq!(refusal.to_string(), "the next bounce frame is 0x101000, above 0x100fff");

    assert!(memory.bounce_frame(high, Alignment::new(0x10_0000).unwrap()).is_none());
    assert!(matches!(memory.frame_refusal(), Some(FrameRefusal::RanOut { .. })), "the aligned one is gone");

    memory.set_zones_max(1);
    assert!(memory.bounce_frame(PhysAddr::MAX, Alignment::PAGE).is_none());
    assert!(matches!(memory.frame_refusal(), Some(FrameRefusal::TooManyZones { limit: 1 })));

    assert!(memory.bounce_frame(high, Alignment::PAGE).is_some());
    assert!(memory.bounce_frame(high, Alignment::PAGE).is_some());
    assert!(memory.frame_refusal().is_none());
    assert!(memory.bounce_frame(high, Alignment::PAGE).is_none());
    let refusal = memory.frame_refusal().unwrap();
    assert!(matches!(refusal, FrameRefusal::RanOut { frames } if frames.raw() == 3), "{refusal}");
    assert_eq!(memory.frames_taken(), PageCount::new(3));
    assert_eq!(memory.zone_pools().len(), 1, "refusals make no files");
}
