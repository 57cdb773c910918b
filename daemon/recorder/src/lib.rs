//! Records the decisions of live machines.
