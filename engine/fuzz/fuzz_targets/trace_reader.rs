//! Any bytes at all as a trace: read, replayed under every profile and written again. Nothing may panic, and a line that
//! was read must survive writing.

#![no_main]

use busdma_engine::Profile;
use busdma_trace::{ProfileChoice, ReplayOptions, Replayer, TraceReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for profile in Profile::ALL {
        let options = ReplayOptions { profile: ProfileChoice::Fixed(profile), ..ReplayOptions::default() };
        let mut reader = TraceReader::new(data, "fuzz").with_line_limit(1 << 16);
        let mut replayer = Replayer::new(options);
        // An error loses the rest of its scenario; the next call goes on behind it.
        for _ in 0..64 {
            if let Ok(None) = replayer.next_scenario(&mut reader) {
                break;
            }
        }
    }
});
