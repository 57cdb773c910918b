//! The recorder's thread: chunks become lines, commands are obeyed, and now and then everything is looked after.

use crate::chunk::{Chunk, Entry, TapeId};
use crate::columns::Columns;
use crate::control::{Command, Registration, Shared};
use crate::error::{RecorderError, RecorderFinding};
use crate::handoff::{ChunkReceiver, Epoch, Message};
use crate::recorder::{MachineSelection, RecorderConfig, StartRequest, TapeSource};
use crate::recording::Recording;
use crate::start::MachineName;
use crate::status::{Phase, RecorderState, RecordingId};
use crate::track::{Track, Writing};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

/// How long the thread sleeps when nothing is recorded and nobody asks.
const IDLE_PATIENCE: Duration = Duration::from_hours(1);

/// Whether the thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Continue,
    End,
}

/// Whether tapes are only visited, or stopped as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Visit {
    Fetch,
    FetchAndStop,
}

/// The thread.
pub(crate) struct Service {
    config: RecorderConfig,
    source: Arc<dyn TapeSource>,
    queue: ChunkReceiver,
    registrations: Receiver<Registration>,
    commands: Receiver<Command>,
    shared: Shared,
    tracks: BTreeMap<TapeId, Track>,
    recording: Option<Recording>,
    next_recording: u64,
    /// The last start that any recording asked for.
    epoch: Epoch,
    next_collect: Instant,
    next_sync: Instant,
}

impl Service {
    pub(crate) fn new(
        config: RecorderConfig,
        source: Arc<dyn TapeSource>,
        queue: ChunkReceiver,
        registrations: Receiver<Registration>,
        commands: Receiver<Command>,
        shared: Shared,
    ) -> Self {
        let now = Instant::now();
        Self {
            config,
            source,
            queue,
            registrations,
            commands,
            shared,
            tracks: BTreeMap::new(),
            recording: None,
            next_recording: 1,
            epoch: Epoch::NONE,
            next_collect: now,
            next_sync: now,
        }
    }

    /// Works until it is told to end.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.receive(self.patience()) {
                Ok(Some(Message::Chunk(chunk))) => {
                    self.record(chunk);
                    self.queue.gather();
                }
                Ok(Some(Message::Wake) | None) => {}
                Err(_) => break,
            }
            if self.obey() == Flow::End {
                break;
            }
            self.look_after();
        }
        self.end();
    }

    fn patience(&self) -> Duration {
        match self.recording {
            Some(_) => self.next_collect.min(self.next_sync).saturating_duration_since(Instant::now()),
            None => IDLE_PATIENCE,
        }
    }

    /// Writes a chunk. Without a recording its operations are lost: they were told while one failed.
    fn record(&mut self, chunk: Box<Chunk>) {
        if !self.tracks.contains_key(&chunk.tape) {
            self.register();
        }
        let written = self.write(&chunk);
        if let Err((finding, lost)) = written {
            self.shared.counters.count_dropped(lost);
            self.fail(finding);
        }
        self.shared.pool.give_back(chunk);
    }

    /// Writes the entries of a chunk; on failure says how many operations were not even tried.
    fn write(&mut self, chunk: &Chunk) -> Result<(), (RecorderFinding, u64)> {
        let (Some(recording), Some(track)) = (&mut self.recording, self.tracks.get_mut(&chunk.tape)) else {
            self.shared.counters.count_dropped(chunk.operations);
            return Ok(());
        };
        let mut writing = writing(&self.shared, recording);
        let mut columns = Columns::of(chunk);
        let mut left = chunk.operations;
        for entry in &chunk.entries {
            let done = match entry {
                Entry::Operation | Entry::RemarkableOperation => {
                    left -= 1;
                    let told = match entry {
                        Entry::RemarkableOperation => columns.take_remarkable_operation(),
                        _ => columns.take_operation(),
                    };
                    told.map_or(Ok(()), |told| track.operation(&told, &mut writing))
                }
                Entry::Start => match columns.take_start() {
                    Some(start) => track.begin(start, &mut writing),
                    None => Ok(()),
                },
                Entry::RegionMapped => {
                    columns.take_region().into_iter().for_each(|region| track.map_region(region));
                    Ok(())
                }
                Entry::RegionReleased => {
                    columns.take_released().into_iter().for_each(|(space, start)| track.release_region(space, start));
                    Ok(())
                }
            };
            done.map_err(|finding| (finding, left))?;
        }
        Ok(())
    }

    fn obey(&mut self) -> Flow {
        self.register();
        loop {
            match self.commands.try_recv() {
                Ok(Command::Start { request, reply }) => {
                    // Whoever asked may have gone.
                    let _ = reply.send(self.start(request));
                }
                Ok(Command::Stop { reply }) => {
                    let _ = reply.send(self.stop());
                }
                Ok(Command::Shutdown) | Err(TryRecvError::Disconnected) => return Flow::End,
                Err(TryRecvError::Empty) => return Flow::Continue,
            }
        }
    }

    /// Takes up the machines that were made. Their tapes may be on already, and for a recording that is over.
    fn register(&mut self) {
        while let Ok(Registration { link, machine }) = self.registrations.try_recv() {
            let tape = link.tape;
            let mut track = Track::new(link, machine);
            match &self.recording {
                Some(recording) if recording.request.machines.covers(&track.machine.name) => track.enlist(recording),
                _ => track.dismiss(),
            }
            self.tracks.insert(tape, track);
            if self.recording.is_none() {
                self.tracks.retain(|_, track| !track.is_gone());
            }
        }
    }

    fn start(&mut self, request: StartRequest) -> Result<RecordingId, RecorderError> {
        if let Some(Recording { id, .. }) = self.recording {
            return Err(RecorderError::AlreadyRecording { recording: id });
        }
        self.check_selection(&request.machines)?;
        let id = RecordingId(self.next_recording);
        let directory = request.directory.clone();
        let recording = Recording::open(id, request, &self.config, self.epoch)?;
        self.next_recording += 1;
        self.epoch = recording.epoch();
        self.shared.counters.reset();
        let state = RecorderState::Recording(id);
        self.shared.phase.set(Phase { state, since: SystemTime::now(), directory, finding: None });
        for track in self.tracks.values_mut().filter(|track| recording.request.machines.covers(&track.machine.name)) {
            track.enlist(&recording);
        }
        self.shared.set_cover(Some(recording.cover()));
        self.recording = Some(recording);
        self.next_collect = Instant::now();
        self.next_sync = self.next_collect + self.config.sync_interval;
        tracing::info!(recording = %id, "recording started");
        Ok(id)
    }

    fn check_selection(&self, selection: &MachineSelection) -> Result<(), RecorderError> {
        let MachineSelection::Listed(names) = selection else { return Ok(()) };
        let known: BTreeSet<&MachineName> =
            self.tracks.values().filter(|track| !track.is_gone()).map(|track| &track.machine.name).collect();
        match names.iter().find(|name| !known.contains(name)) {
            Some(name) => Err(RecorderError::NoSuchMachine { name: name.clone() }),
            None => Ok(()),
        }
    }

    fn stop(&mut self) -> Result<(), RecorderError> {
        if self.recording.is_none() {
            return Err(RecorderError::NotRecording);
        }
        self.end();
        Ok(())
    }

    /// Ends the recording: everything told so far is written.
    fn end(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.begin_to_end();
        }
        self.shared.set_cover(None);
        self.register();
        self.collect(Visit::FetchAndStop);
        let closed = self.each_track(Track::close);
        self.shared.pool.clear();
        let Some(recording) = self.recording.take() else { return };
        self.epoch = recording.epoch();
        match closed {
            Ok(()) => {
                self.dismiss_tracks();
                let directory = recording.request.directory.clone();
                let Phase { finding, .. } = self.shared.phase.get();
                let since = SystemTime::now();
                self.shared.phase.set(Phase { state: RecorderState::Off, since, directory, finding });
                tracing::info!(recording = %recording.id, "recording stopped");
            }
            Err(finding) => self.fail_recording(&recording, finding),
        }
    }

    /// Ends the recording because it cannot go on. The machines are not touched.
    fn fail(&mut self, finding: RecorderFinding) {
        let Some(recording) = self.recording.take() else { return };
        self.shared.set_cover(None);
        self.epoch = recording.epoch();
        self.fail_recording(&recording, finding);
        self.collect(Visit::FetchAndStop);
    }

    fn fail_recording(&mut self, recording: &Recording, finding: RecorderFinding) {
        tracing::error!(recording = %recording.id, error = &finding as &dyn std::error::Error, "recording ended");
        for track in self.tracks.values_mut() {
            track.abandon(&self.shared.counters);
        }
        self.dismiss_tracks();
        self.shared.phase.set(Phase {
            state: RecorderState::Failed(recording.id),
            since: SystemTime::now(),
            directory: recording.request.directory.clone(),
            finding: Some(finding),
        });
    }

    fn dismiss_tracks(&mut self) {
        self.tracks.values_mut().for_each(Track::dismiss);
        self.tracks.retain(|_, track| !track.is_gone());
    }

    /// Does what is due by the clock.
    fn look_after(&mut self) {
        if self.recording.is_none() {
            return;
        }
        let now = Instant::now();
        if now >= self.next_collect {
            self.next_collect = now + self.config.collect_interval;
            let gone: Vec<_> = self.tracks.iter().filter(|(_, track)| track.is_gone()).map(|(&id, _)| id).collect();
            self.ask_for_starts();
            self.collect(Visit::Fetch);
            self.bury(&gone);
        }
        if now >= self.next_sync {
            self.next_sync = now + self.config.sync_interval;
            match self.each_track(Track::sync) {
                Ok(()) => self.retain(),
                Err(finding) => self.fail(finding),
            }
        }
    }

    fn ask_for_starts(&mut self) {
        let Some(recording) = &mut self.recording else { return };
        let mut writing = writing(&self.shared, recording);
        for track in self.tracks.values_mut() {
            track.ask_for_starts(&mut writing);
        }
    }

    /// Fetches what tapes have not handed over, and writes it. Under a machine's lock no chunk of its tape can be sent: those
    /// that were sent before are taken off the queue first.
    fn collect(&mut self, visit: Visit) {
        let mut fetched = VecDeque::new();
        self.source.collect(&mut |tape| {
            if tape.has_partial() {
                fetched.extend(std::iter::from_fn(|| self.queue.next_chunk()));
                // At the end a start that nothing follows is worth no file.
                fetched.extend(tape.take_partial().filter(|chunk| visit == Visit::Fetch || chunk.operations > 0));
            }
            if visit == Visit::FetchAndStop {
                tape.stop();
            }
        });
        if visit == Visit::FetchAndStop {
            fetched.extend(std::iter::from_fn(|| self.queue.next_chunk()));
        }
        for chunk in fetched {
            self.record(chunk);
        }
    }

    /// Closes the files of machines that are gone; what they told before was written already.
    fn bury(&mut self, gone: &[TapeId]) {
        if gone.is_empty() {
            return;
        }
        // A tape's last chunk was sent before it was gone, and so is in the queue at the latest.
        while let Some(chunk) = self.queue.next_chunk() {
            self.record(chunk);
        }
        for tape in gone {
            let (Some(mut track), Some(recording)) = (self.tracks.remove(tape), &mut self.recording) else { continue };
            let mut writing = writing(&self.shared, recording);
            if let Err(finding) = track.close(&mut writing) {
                track.abandon(&self.shared.counters);
                self.fail(finding);
            }
        }
    }

    fn each_track(
        &mut self,
        act: fn(&mut Track, &mut Writing<'_>) -> Result<(), RecorderFinding>,
    ) -> Result<(), RecorderFinding> {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        let mut writing = writing(&self.shared, recording);
        self.tracks.values_mut().try_for_each(|track| act(track, &mut writing))
    }

    fn retain(&mut self) {
        let open = self.tracks.values().filter_map(|track| track.part_name().map(str::to_owned)).collect();
        if let Some(recording) = &mut self.recording {
            recording.retain(&open);
        }
    }
}

/// What a track needs to write in this recording.
fn writing<'r>(shared: &'r Shared, recording: &'r mut Recording) -> Writing<'r> {
    Writing { recording, counters: &shared.counters, phase: &shared.phase, now: Instant::now() }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("recording", &self.recording).finish_non_exhaustive()
    }
}
