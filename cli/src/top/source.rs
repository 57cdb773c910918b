//! What is shown: a daemon, a recording or a demonstration.

use crate::args::TopArgs;
use crate::daemon::{Daemon, DaemonError};
use busdma_api::MachineId;
use busdma_dashboards::app::App;
use busdma_dashboards::source::demo::{Demo, DemoOptions};
use busdma_dashboards::source::live::{Live, LiveError, LiveOptions};
use busdma_dashboards::source::{Source, Wish, open};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Opens what the command line names, for what the app shows first.
///
/// # Errors
///
/// The file is nothing that can be shown, or there is no daemon.
pub(super) fn open(args: &TopArgs, app: &App) -> anyhow::Result<Box<dyn Source>> {
    if args.demo {
        let mut demo = Demo::new(DemoOptions { unix_ns: time_of_day(args), ..DemoOptions::default() });
        demo.ask(Wish::Interval(app.interval()))?;
        Ok(Box::new(demo))
    } else if let Some(path) = &args.replay {
        recording(path, args.interval)
    } else {
        Ok(Box::new(daemon(args, app)?))
    }
}

fn recording(path: &Path, step_ms: Option<u64>) -> anyhow::Result<Box<dyn Source>> {
    let mut recording = open::open(path)?;
    if let Some(step_ms) = step_ms {
        recording.ask(Wish::Interval(Duration::from_millis(step_ms)))?;
    }
    Ok(recording)
}

fn daemon(args: &TopArgs, app: &App) -> anyhow::Result<Live> {
    let machine: Option<MachineId> = args.machine.as_deref().map(str::parse).transpose()?;
    let mut daemon = Daemon::connect(&args.daemon())?;
    // Whether it serves this user is said as every verb says it.
    daemon.info()?;
    let options = LiveOptions { machine, interval: app.interval(), rows: app.interest().rows };
    Live::connect(daemon.path(), options).map_err(|error| match error {
        LiveError::Refused { why, .. } => DaemonError::Refused { words: why }.into(),
        error => error.into(),
    })
}

/// When a demonstration begins. One frame is the same every time, so it has no time of day.
fn time_of_day(args: &TopArgs) -> Option<i64> {
    let now = if args.once { None } else { SystemTime::now().duration_since(UNIX_EPOCH).ok() };
    now.and_then(|now| i64::try_from(now.as_nanos()).ok())
}
