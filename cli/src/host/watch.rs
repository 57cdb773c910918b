//! Devices, pool and losses again and again, one line each.

use super::overview::{mebibytes, per_second};
use super::{call, device_names, words};
use crate::args::HostArgs;
use crate::console;
use crate::daemon::{Daemon, DaemonError};
use crate::duration;
use crate::failure::Answer;
use crate::interrupt::Interruption;
use crate::text::{self, ACCENT, BAD, FAINT, PLAIN, WARN};
use busdma_api::host::{Correlation, DeviceInfo, PoolEstimate, Watch, WatchReply};
use std::fmt::Write as _;

/// Follows the host until Ctrl-C comes or nobody reads any more.
pub(super) fn run(args: &HostArgs) -> anyhow::Result<Answer> {
    let mut daemon = Daemon::connect(&args.daemon)?;
    // Refused in better words here than by the stream.
    call(&mut daemon, &Correlation::default())?;
    check_device(&mut daemon, args.device.as_ref())?;
    let interruption = Interruption::watch(Some(daemon.socket()?))?;
    match follow(args, &mut daemon) {
        Err(_) if interruption.has_come() => Ok(Answer::Yes),
        ended => ended.map(|()| Answer::Yes),
    }
}

fn check_device(daemon: &mut Daemon, device: Option<&String>) -> Result<(), DaemonError> {
    let Some(device) = device else { return Ok(()) };
    let known = device_names(daemon)?;
    if known.contains(device) {
        return Ok(());
    }
    Err(DaemonError::Refused { words: words::no_such_device(device, &known) })
}

fn follow(args: &HostArgs, daemon: &mut Daemon) -> anyhow::Result<()> {
    let interval_ms = u64::try_from(args.interval.as_millis()).unwrap_or(u64::MAX);
    let mut lines = HostLines::default();
    for reply in daemon.follow(&Watch { interval_ms: Some(interval_ms) })? {
        let mut reply: WatchReply = reply?;
        if let Some(name) = &args.device {
            reply.devices.retain(|device| device.device == *name);
        }
        let text = if args.json { serde_json::to_string(&reply)? + "\n" } else { lines.render(&reply) };
        console::print(&text)?;
    }
    Ok(())
}

/// Makes lines of what is watched, and remembers what was dropped to show what was added.
#[derive(Clone, Debug, Default)]
pub struct HostLines {
    dropped: Option<u64>,
}

impl HostLines {
    /// One line for each device, one for the pool where it is used, one for losses where there are new ones.
    pub fn render(&mut self, reply: &WatchReply) -> String {
        let at = format!("{:>12}  ", duration::seconds(reply.t_ns));
        let mut out = String::new();
        for device in &reply.devices {
            let _ = writeln!(out, "{at}{}", device_line(device));
        }
        if reply.devices.is_empty() {
            let _ = writeln!(out, "{at}{}", text::styled(FAINT, "no device maps anything"));
        }
        if let Some(line) = pool_line(&reply.pool) {
            let _ = writeln!(out, "{at}{line}");
        }
        let added = reply.dropped.saturating_sub(self.dropped.unwrap_or(0));
        if added > 0 {
            let words = format!("{} events dropped (+{added}): they found no room in the kernel's ring", reply.dropped);
            let _ = writeln!(out, "{at}{}", text::styled(WARN, &words));
        }
        self.dropped = Some(reply.dropped);
        out
    }
}

fn device_line(device: &DeviceInfo) -> String {
    let (totals, rates) = (&device.totals, &device.rates);
    let styled = |alarm: bool, style, text: String| text::styled(if alarm { style } else { PLAIN }, &text);
    format!(
        "{}{:>8} live{:>9} maps/s{:>9} MiB/s  {}  {}  agree {}  {}  {}",
        text::styled(ACCENT, &format!("{:<13}", device.device)),
        totals.live,
        per_second(rates.mappings),
        mebibytes(rates.bytes),
        styled(rates.bounced > 0.0, WARN, format!("bounced {}/s", per_second(rates.bounced))),
        styled(totals.failed > 0, BAD, format!("failed {}", totals.failed)),
        totals.agree,
        styled(totals.differ > 0, BAD, format!("differ {}", totals.differ)),
        styled(totals.unknown > 0, WARN, format!("unknown {}", totals.unknown)),
    )
}

/// Nothing where the pool was never used.
fn pool_line(pool: &PoolEstimate) -> Option<String> {
    if pool.high_water_slots == 0 && pool.full == 0 {
        return None;
    }
    let of = pool.total_slots.map_or_else(String::new, |slots| format!(" of {slots}"));
    let kernel = pool.kernel_used_slots.map_or_else(String::new, |used| format!(" ({used} by the kernel)"));
    let full = text::styled(if pool.full > 0 { BAD } else { PLAIN }, &format!("no room {}", pool.full));
    let pool_name = text::styled(ACCENT, &format!("{:<13}", "bounce pool"));
    Some(format!("{pool_name}{:>8} slots{of}{kernel}  most {}  {full}", pool.used_slots, pool.high_water_slots))
}
