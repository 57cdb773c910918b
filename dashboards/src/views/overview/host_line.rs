//! The host's DMA in one line.

use super::Scene;
use crate::frame::{DeviceRow, HostFrame, PoolRow, Probes};
use crate::pen::{Pen, columns};
use crate::theme::Role;
use crate::units;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the line; nothing where nothing is known of the host.
pub(super) fn draw(scene: Scene<'_>, area: Rect, buf: &mut Buffer) {
    let Some(host) = &scene.frame.host else { return };
    let mut pen = Pen::at(area, 0, buf);
    pen.put("Host", scene.theme.style(Role::Heading));
    for (role, part) in parts(host) {
        if columns(&part) + 2 > pen.room() && pen.room() < 20 {
            return;
        }
        pen.skip(2).put_cut(&part, scene.theme.style(role));
    }
}

/// What there is to say, the most important first.
fn parts(host: &HostFrame) -> Vec<(Role, String)> {
    if let Probes::Unavailable { reason } = &host.probes {
        return vec![(Role::Warn, format!("probes unavailable: {reason}"))];
    }
    if host.probes == Probes::Detached && host.devices.is_empty() {
        return vec![(Role::Faint, "probes detached: nothing is known of its DMA".to_owned())];
    }
    let sum = |number: fn(&DeviceRow) -> f64| host.devices.iter().map(number).sum::<f64>();
    let mappings = sum(|device| device.mappings_per_s);
    let count = host.devices.len();
    let mut parts = vec![
        (Role::Plain, format!("{count} device{}", if count == 1 { "" } else { "s" })),
        (Role::Plain, format!("{} mappings/s", units::number(mappings))),
    ];
    if mappings > 0.0 {
        let bounced = sum(|device| device.bounced_per_s) / mappings;
        let role = if bounced > 0.0 { Role::Warn } else { Role::Plain };
        parts.push((role, format!("{} bounced", units::share(bounced))));
    }
    let failed = sum(|device| device.failed_per_s);
    if failed > 0.0 {
        parts.push((Role::Bad, format!("{} failed/s", units::number(failed))));
    }
    parts.extend(host.pool.map(pool));
    parts
}

fn pool(pool: PoolRow) -> (Role, String) {
    let PoolRow { total_slots, used_slots, high_water_slots, full } = pool;
    let of_all = total_slots.map_or_else(String::new, |total| format!(" of {total}"));
    let (role, refused) = if full > 0 { (Role::Bad, format!(", full {full}×")) } else { (Role::Plain, String::new()) };
    (role, format!("swiotlb {used_slots}{of_all} slots, most {high_water_slots}{refused}"))
}
