//! What the client does: straight async lines over the belief and the ports. Arrows point down this list.

pub(crate) mod login;
pub(crate) mod send;
pub(crate) mod start;

pub(crate) mod enter;
pub(crate) mod takeover;

pub(crate) mod redeploy;

pub(crate) mod refresh;

pub(crate) mod look;

pub(crate) mod logout;
