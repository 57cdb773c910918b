//! What changes seldom, asked for again and again: findings, the recorder, the probes.

use super::convert::{host_differences, host_finding};
use super::link::{Follow, Gone, PATIENCE, Turn};
use super::news::News;
use crate::frame::{FindingRow, Probes, RecordingState};
use busdma_api::MachineId;
use busdma_api::client::{CallError, Client};
use busdma_api::host::{Correlation, CorrelationReply, HostError};
use busdma_api::monitor::Findings;
use busdma_api::recorder::{RecorderState, Status};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Of what to ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// Findings of one machine; of all when there is none.
    pub(super) machine: Option<MachineId>,
    /// From asking to asking.
    pub(super) interval: Duration,
}

/// Takes what it is told in.
#[derive(Debug)]
pub(super) struct Seldom {
    news: Arc<News>,
    /// When findings of the host were first told of, by kind and device.
    first_ns: HashMap<(String, Option<String>), u64>,
}

impl Seldom {
    pub(super) fn new(news: Arc<News>) -> Self {
        Self { news, first_ns: HashMap::new() }
    }

    /// Asks once.
    pub(super) fn ask(&mut self, client: &mut Client, asked: Asked) -> Result<(), Gone> {
        let findings = client.call(&Findings { machine: asked.machine })?;
        let status = client.call(&Status {})?;
        let (probes, host_findings) = self.ask_host(client)?;
        let recording = match status.state {
            RecorderState::Recording => RecordingState::On,
            RecorderState::Off | RecorderState::Failed => RecordingState::Off,
        };
        self.news.put(|newest| {
            newest.findings = findings.findings.into_iter().map(FindingRow::from).collect();
            newest.findings_lost = findings.lost;
            newest.recording = Some(recording);
            newest.probes = Some(probes);
            newest.host_findings = host_findings;
        });
        Ok(())
    }

    fn ask_host(&mut self, client: &mut Client) -> Result<(Probes, Vec<FindingRow>), Gone> {
        let probes = match client.call(&busdma_api::host::Probes {}) {
            Ok(reply) => Probes::from(reply),
            Err(error @ (CallError::Refused(_) | CallError::Service(_))) => {
                Probes::Unavailable { reason: Gone::from(error).to_string() }
            }
            Err(error) => return Err(error.into()),
        };
        if probes != Probes::Attached {
            return Ok((probes, Vec::new()));
        }
        let findings = match client.call(&Correlation::default()) {
            Ok(reply) => self.host_findings(reply),
            Err(CallError::Refused(HostError::NotAttached { .. } | HostError::NotPermitted { .. })) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok((probes, findings))
    }

    fn host_findings(&mut self, reply: CorrelationReply) -> Vec<FindingRow> {
        let CorrelationReply { t_ns, findings, devices, differences, .. } = reply;
        let row = |finding: busdma_api::host::Finding| {
            let key = (finding.kind.clone(), finding.device.clone());
            let first_ns = self.first_ns.get(&key).copied().filter(|first| *first <= t_ns).unwrap_or(t_ns);
            (key, FindingRow { first_ns, ..host_finding(finding, t_ns) })
        };
        let rows: Vec<_> = findings.into_iter().map(row).collect();
        self.first_ns = rows.iter().map(|(key, row)| (key.clone(), row.first_ns)).collect();
        let differences = host_differences(differences, &devices);
        rows.into_iter().map(|(_, row)| row).chain(differences).collect()
    }
}

impl Follow for Seldom {
    type Call = Asked;

    fn patience(_: &Asked) -> Option<Duration> {
        Some(PATIENCE)
    }

    fn follow(&mut self, client: &mut Client, turn: &mut Turn<'_, Asked>) -> Gone {
        while turn.is_current() {
            if let Err(gone) = self.ask(client, turn.call) {
                return gone;
            }
            turn.made_progress();
            turn.sleep(turn.call.interval);
        }
        Gone::Unwanted
    }
}
