//! Devices of the host: what they map, and how much of it bounces.

use super::table::detail::Lines;
use super::table::{self, Mark, Table};
use crate::fields::DEVICE_FIELDS;
use crate::frame::{DeviceRow, HostFrame, OriginKind, PoolRow, Probes};
use crate::list::{Detail, ListState, Rows};
use crate::pen::{Pen, wrapped};
use crate::theme::Role;
use crate::units;
use crate::views::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Lines below which a screen is low.
const LOW: u16 = 12;

/// Bytes of a swiotlb slot.
const SLOT_BYTES: u64 = 2048;

/// Draws the devices.
pub(crate) fn draw(scene: Scene<'_>, list: &mut ListState, area: Rect, buf: &mut Buffer) {
    let Some(host) = &scene.frame.host else {
        nothing_known(scene, nothing_from(scene.frame.origin.kind), area, buf);
        return list.arrange::<DeviceRow>(scene.into(), &Rows::of([]), 0);
    };
    // On a low screen, a detail is worth more than what stands above the table.
    let above = if list.detail == Detail::Open && area.height < LOW { 0 } else { area.height.min(2) };
    let top = Rect { height: above, ..area };
    Pen::at(top, 0, buf).put_cut(&probes(host), scene.theme.style(probes_role(host)));
    Pen::at(top, 1, buf).put_cut(&pool(host.pool.as_ref()), scene.theme.style(pool_role(host.pool.as_ref())));
    let rest = Rect { y: area.y.saturating_add(above), height: area.height - above, ..area };
    let rows = Rows::of([host.devices.as_slice()]);
    let table = Table {
        title: "Devices",
        rows: &rows,
        total: rows.len(),
        listed_first: "first",
        hidden: &[],
        mark: &mark,
        remark: None,
        empty: if host.probes == Probes::Detached {
            "no device is watched"
        } else {
            "no device has mapped anything yet"
        },
    };
    table::draw(scene, &table, |row| detail(scene, row), list, rest, buf);
}

/// Mappings fail, or are not as expected.
fn mark(row: &DeviceRow) -> Option<Mark> {
    if row.failed_per_s > 0.0 {
        return Some(Mark { sign: "!", role: Role::Bad });
    }
    (row.differ > 0 || row.failed > 0).then_some(Mark { sign: "?", role: Role::Warn })
}

fn detail(scene: Scene<'_>, row: &DeviceRow) -> Lines {
    let mut lines = Lines::titled(row.device.as_str());
    // The title says which device it is.
    let names = DEVICE_FIELDS.each_ref().map(|field| field.name);
    let names: Vec<_> = names.into_iter().filter(|name| *name != "device").collect();
    lines.fields(scene, row, &names);
    lines
}

fn probes(host: &HostFrame) -> String {
    let word = host.probes.word();
    match &host.probes {
        Probes::Unavailable { reason } => format!("probes {word}: {reason}"),
        Probes::Detached => {
            format!(
                "probes {word}: the daemon watches no host DMA unless it is started with probes, or asked to attach them"
            )
        }
        Probes::Attached | Probes::Captured => {
            format!("probes {word} · {} events read, {} dropped", host.delivered, host.dropped)
        }
    }
}

const fn probes_role(host: &HostFrame) -> Role {
    match host.probes {
        Probes::Unavailable { .. } => Role::Bad,
        Probes::Detached => Role::Faint,
        Probes::Attached | Probes::Captured if host.dropped > 0 => Role::Warn,
        Probes::Attached | Probes::Captured => Role::Plain,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
fn pool(pool: Option<&PoolRow>) -> String {
    let Some(pool) = pool else { return "swiotlb: nothing is known of it".to_owned() };
    let bytes = units::bytes(pool.used_slots.saturating_mul(SLOT_BYTES));
    let share = |total: u64| units::share(pool.used_slots as f64 / total as f64);
    let used = match pool.total_slots.filter(|&total| total > 0) {
        Some(total) => format!("{} of {total} slots used ({}, {bytes})", pool.used_slots, share(total)),
        None => format!("{} slots used ({bytes}), of how many is not known", pool.used_slots),
    };
    let most = pool.high_water_slots;
    match pool.full {
        0 => format!("swiotlb: {used}, at most {most}; never full"),
        1 => format!("swiotlb was full once: {used}, at most {most}"),
        full => format!("swiotlb was full {full} times: {used}, at most {most}"),
    }
}

fn pool_role(pool: Option<&PoolRow>) -> Role {
    match pool {
        None => Role::Faint,
        Some(pool) if pool.full > 0 => Role::Bad,
        Some(_) => Role::Plain,
    }
}

const fn nothing_from(kind: OriginKind) -> &'static str {
    match kind {
        OriginKind::Live => {
            "nothing is known of this host's DMA: the daemon does not serve org.busdma.Host, or has not answered yet"
        }
        OriginKind::Recording => "this recording holds what machines did, and nothing of a host's DMA",
        OriginKind::HostCapture => "the capture holds no event up to this moment",
        OriginKind::Demo => "the demonstration runs an engine in this process and watches no host",
    }
}

fn nothing_known(scene: Scene<'_>, why: &str, area: Rect, buf: &mut Buffer) {
    Pen::at(area, 0, buf).put_cut("Devices", scene.theme.style(Role::Heading));
    for (line, text) in (2..).zip(wrapped(why, area.width.saturating_sub(2))) {
        if line < area.height {
            Pen::at(area, line, buf).skip(2).put_cut(&text, scene.theme.style(Role::Faint));
        }
    }
}
