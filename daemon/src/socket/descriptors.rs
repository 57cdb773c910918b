//! How many descriptors the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as it may be, and logs what it is: each connection, and each region of memory, takes one.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(from = current, to = maximum, "raised the limit of descriptors"),
        Err(error) => {
            tracing::warn!(limit = current, wanted = maximum, %error, "cannot raise the limit of descriptors");
        }
    }
}
