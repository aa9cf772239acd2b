//! Where the protocol meets the world: typed, and with deadlines. Ports know no flow.

pub(crate) mod ledger;
pub(crate) mod scope;
pub(crate) mod siblings;
pub(crate) mod tab_storage;
pub(crate) mod vault;
