//! Faults that a session must survive, in each engine: other tabs, another user, a lost network, a server
//! in trouble, failing storage, a clock that jumps, a thief. Each scenario asserts what the server
//! received, what storage holds and what the user sees.
//!
//! The scenarios of one module share a browser, because its start takes longer than most scenarios.
//! `E2E_SCENARIO` limits a run to the scenarios whose names contain its value.
#![allow(clippy::indexing_slicing, reason = "a scenario may stop at what it does not expect")]

mod clock;
mod ended;
mod everywhere;
mod leaving;
mod redeploy;
mod stage;
mod storage;
mod switching;
mod tampering;
mod trouble;

/// Defines one test for each engine. It plays these scenarios one after the other.
macro_rules! play_in_each_engine {
    ($($scenario:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn chromium() -> anyhow::Result<()> {
            play(e2e::browser::Engine::Chromium).await
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn firefox() -> anyhow::Result<()> {
            play(e2e::browser::Engine::Firefox).await
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn webkit() -> anyhow::Result<()> {
            play(e2e::browser::Engine::WebKit).await
        }

        async fn play(engine: e2e::browser::Engine) -> anyhow::Result<()> {
            let mut stage = crate::stage::Stage::start(engine).await?;
            $(if stage.plays(stringify!($scenario)) {
                let outcome = $scenario(&mut stage.scene).await;
                stage.played(outcome).await?;
            })+
            stage.end()
        }
    };
}
use play_in_each_engine;
