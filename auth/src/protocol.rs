//! The protocol's rules: pure functions and values. Nothing here waits or reads a clock.

pub(crate) mod attempt;
pub(crate) mod belief;
pub(crate) mod decide;
pub(crate) mod effects;
pub(crate) mod ids;
pub(crate) mod outcome;
pub(crate) mod rows;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod times;
