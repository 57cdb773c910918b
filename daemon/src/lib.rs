//! busdmad: hosts machines of the engine behind a Varlink socket.
