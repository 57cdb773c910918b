//! Machines to record, and replays of what was recorded.

mod host;
mod replay;

pub(crate) use host::{Host, Machines};
pub(crate) use replay::replay;

use busdma_engine::Profile;
use busdma_recorder::{
    Compression, MachineDescription, MachineName, MachineSelection, Recorder, RecorderConfig, StartRequest,
};
use busdma_sim::machine::MachineSpec;
use busdma_trace::Decisions;
use busdma_trace::format::{BounceModel, DmamemModel, Hex, MachineModel};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A recorder of those machines that looks after things only when it has to.
pub(crate) fn recorder(config: RecorderConfig, machines: &Arc<Machines>) -> Recorder {
    Recorder::spawn(config, Arc::clone(machines) as Arc<_>).unwrap()
}

/// Everything at the quickest.
pub(crate) fn config(directory: &Path) -> RecorderConfig {
    RecorderConfig {
        sync_interval: Duration::from_millis(20),
        collect_interval: Duration::from_millis(5),
        ..RecorderConfig::new(directory.to_owned())
    }
}

/// All machines, without rotation.
pub(crate) fn request() -> StartRequest {
    StartRequest {
        directory: None,
        compression: Compression::None,
        decisions: Decisions::Recorded,
        rotate_bytes: None,
        rotate_after: None,
        machines: MachineSelection::All,
    }
}

/// A machine of that name.
pub(crate) fn description(name: &str, profile: Profile, spec: &MachineSpec) -> MachineDescription {
    let model = MachineModel {
        arch: "amd64".into(),
        page_size: 4096,
        maxmem: Hex(spec.maxmem),
        max_bpages: spec.max_bpages,
        bounce: BounceModel { base: Hex(spec.bounce_base), stride: spec.bounce_stride, frames: spec.bounce_frames },
        dmamem: DmamemModel {
            base: Hex(spec.dmamem_base),
            page_stride: spec.dmamem_stride,
            malloc_align: spec.malloc_align,
            limit: spec.dmamem_limit.map(Hex),
        },
    };
    MachineDescription { name: MachineName::parse(name).unwrap(), model, profile }
}
