//! What recording costs: on the engine's thread, for a load and an unload of one page with the tape off and on, and on the
//! recorder's thread until the lines are written.
//!
//! On the engine's thread the time between batches does not count, so that the tape is measured and not a full queue. Until
//! the lines are written it takes up to a millisecond more a batch, in which the recorder lets chunks gather.

use busdma_engine::{
    AddressSpace, BusSize, Engine, ExclusionWindow, Log, MapId, MemDesc, Nanos, PhysAddr, Profile, TagTemplate,
    VirtAddr, VirtRange, WaitPolicy,
};
use busdma_recorder::{
    Compression, LoadEnd, MachineDescription, MachineName, MachineSelection, MapNumber, NumberedMap, Numbers, Recorder,
    RecorderConfig, Region, SessionNumber, Start, StartRequest, TagNumber, Tape, TapeSource, TapedOperation, TapedVerb,
};
use busdma_trace::format::{BounceModel, DmamemModel, Hex, MachineModel};
use busdma_trace::{Decisions, TraceMachine};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pairs of operations a batch: they fit into the queue.
const BATCH: u64 = 4096;

const BUFFER: VirtRange = VirtRange { start: VirtAddr::new(0xffff_f800_0000_0000), len: BusSize::PAGE };

fn tape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load and unload of one page");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (reach, window) in
        [("direct", ExclusionWindow::NOTHING), ("bounced", ExclusionWindow::above(PhysAddr::new(0xffff_ffff)))]
    {
        let cases = [("off", None), ("without decisions", Some(Decisions::LeftOut)), ("on", Some(Decisions::Recorded))];
        for (name, decisions) in cases {
            let folder = tempfile::tempdir().expect("a directory");
            let mut owner = Owner::new(folder.path(), window, decisions);
            group.bench_function(format!("{reach}, {name}"), |bencher| {
                bencher.iter_custom(|pairs| owner.run(pairs).engine);
            });
            if decisions.is_some() {
                group.bench_function(format!("{reach}, {name}, until written"), |bencher| {
                    bencher.iter_custom(|pairs| owner.run(pairs).whole);
                });
            }
            assert_eq!(owner.recorder.status().operations_dropped, 0, "the queue was full");
        }
    }
    group.finish();
}

/// A machine with one map, and its owner.
struct Owner {
    recorder: Recorder,
    engine: Engine<TraceMachine, Log>,
    tape: Tape,
    map: MapId,
    numbers: Numbers,
    clock: u64,
}

impl Owner {
    fn new(directory: &Path, window: ExclusionWindow, decisions: Option<Decisions>) -> Self {
        let recorder = Recorder::spawn(RecorderConfig::new(directory.to_owned()), Arc::new(Nobody)).expect("a thread");
        let machine = MachineDescription {
            name: MachineName::parse("m").expect("a name"),
            model: model(),
            profile: Profile::Freebsd11,
        };
        let limits = TraceMachine::limits(&machine.model);
        let memory = TraceMachine::new(&machine.model).expect("a machine");
        let mut engine = Engine::with_observer(memory, Log::default(), limits, machine.profile.switches());
        engine.platform_mut().map_range(AddressSpace::Kernel, BUFFER.start, [page()]);
        let template = TagTemplate { window, maxsize: BusSize::PAGE, ..TagTemplate::default() };
        let tag = engine.create_tag(None, &template).expect("a tag");
        let map = engine.create_map(tag).expect("a map");
        let numbers = Numbers {
            tags: vec![(tag, TagNumber(1))],
            maps: vec![NumberedMap { map, number: MapNumber(1), tag: TagNumber(1) }],
            memory: Vec::new(),
        };
        let tape = recorder.tape(machine);
        if let Some(decisions) = decisions {
            let request = StartRequest {
                directory: None,
                compression: Compression::None,
                decisions,
                rotate_bytes: None,
                rotate_after: None,
                machines: MachineSelection::All,
            };
            recorder.start(request).expect("a recording");
        }
        Self { recorder, engine, tape, map, numbers, clock: 0 }
    }

    fn run(&mut self, pairs: u64) -> Elapsed {
        let mut elapsed = Elapsed { engine: Duration::ZERO, whole: Duration::ZERO };
        let mut left = pairs;
        while left > 0 {
            let batch = left.min(BATCH);
            let start = Instant::now();
            for _ in 0..batch {
                self.pair();
            }
            elapsed.engine += start.elapsed();
            while self.recorder.status().queue_length > 0 {
                std::thread::sleep(Duration::from_micros(100));
            }
            elapsed.whole += start.elapsed();
            left -= batch;
        }
        elapsed
    }

    fn pair(&mut self) {
        let (map, desc) = (self.map, MemDesc::Buffer(BUFFER));
        let end = LoadEnd::from(&self.verb().load(map, &desc, WaitPolicy::NoWait));
        self.tell(TapedVerb::Load { map, desc: &desc, wait: WaitPolicy::NoWait, end });
        let result = self.verb().unload(map);
        self.tell(TapedVerb::Unload { map, result });
        black_box(&self.engine);
    }

    fn verb(&mut self) -> &mut Engine<TraceMachine, Log> {
        if self.tape.needs_start() {
            let region = Region { space: AddressSpace::Kernel, start: BUFFER.start, pages: [page()].into() };
            let now = Nanos::new(self.clock);
            self.tape.begin(Start::take(&self.engine, now, self.numbers.clone(), vec![region]));
        }
        self.clock += 1;
        self.engine.observer_mut().clear();
        self.engine.at(Nanos::new(self.clock))
    }

    fn tell(&mut self, verb: TapedVerb<'_>) {
        if self.tape.is_on() {
            let Log { decisions, hazards } = self.engine.observer();
            let (session, at) = (Some(SessionNumber(1)), Nanos::new(self.clock));
            self.tape.operation(&self.engine, &TapedOperation { session, at, verb, decisions, hazards });
        }
    }
}

/// How long a run took.
struct Elapsed {
    /// The engine's thread.
    engine: Duration,
    /// Until the recorder's thread had nothing left to do.
    whole: Duration,
}

/// Quiet machines are not fetched: the only one is never quiet.
struct Nobody;

impl TapeSource for Nobody {
    fn collect(&self, _: &mut dyn FnMut(&mut Tape)) {}
}

fn page() -> PhysAddr {
    PhysAddr::new(0x1_2000_0000)
}

fn model() -> MachineModel<'static> {
    MachineModel {
        arch: "amd64".into(),
        page_size: 4096,
        maxmem: Hex(0x2_4000_0000),
        max_bpages: 8192,
        bounce: BounceModel { base: Hex(0x10_0000), stride: 4096, frames: 64 },
        dmamem: DmamemModel { base: Hex(0x200_0000), page_stride: 4096, malloc_align: 0, limit: None },
    }
}

criterion_group!(benches, tape);
criterion_main!(benches);
