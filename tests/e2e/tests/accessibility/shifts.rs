//! Observes what moves while the page goes from state to state (CLS).

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, ColorScheme, Engine};
use e2e::scene::Scene;
use serde::Deserialize;
use serde_json::Value;

use crate::{look::WIDTHS, states};

/// What Chromium's entry `layout-shift` tells of what moved without the user's own doing.
#[derive(Debug, Deserialize)]
struct Shift {
    value: f64,
    /// What moved, from where to where.
    moved: Vec<String>,
}

/// The states in which something moves when an answer arrives, and what may move then. What the user asked for pushes down what
/// is below it. So does the word about another user, who signed in in another tab: it comes first, because it must be read
/// before anything is typed.
const KNOWN: [(&str, &[&str]); 6] = [
    ("signed-in-data", &["sessions-title"]),
    ("signed-in-alert", &["Fetched data", "Copy", "sessions-title"]),
    ("signed-in-long-data", &["Copy", "sessions-title"]),
    ("signed-in-sessions-alert", &["sessions-title", "<li", "Log out everywhere"]),
    ("signed-in-portion", &["sessions-title"]),
    ("elsewhere", &["login-title"]),
];

/// Walks through all states, with a server that is too slow for the browser to excuse what moves with its answer.
pub(crate) async fn are_the_known_ones() -> Result<()> {
    for width in WIDTHS {
        let scene = Scene::start(Engine::Chromium).await?;
        scene.pages.preload(&[OBSERVE, SLOW].concat());
        scene.browser.emulate((width, 800), ColorScheme::Light).await?;
        let found = RefCell::new(BTreeSet::new());
        states::walk(&scene, async |state: &str| {
            let shifts = since(&scene.browser).await?;
            let known = KNOWN.iter().find(|(known, _)| *known == state).map_or(&[][..], |(_, parts)| parts);
            let is_known = |moved: &String| known.iter().any(|part| moved.contains(part));
            ensure!(
                shifts.iter().all(|shift| shift.moved.iter().all(is_known) && !shift.moved.is_empty()),
                "on the way to {state} at {width} px: {shifts:#?}"
            );
            if !shifts.is_empty() {
                found.borrow_mut().insert(state.to_owned());
            }
            Ok(())
        })
        .await?;
        let known = KNOWN.map(|(state, _)| state.to_owned()).into();
        let found = found.into_inner();
        ensure!(found == known, "Only {found:?} moved at {width} px: take the others out of the list.");
    }
    Ok(())
}

/// Moves the page without any input.
pub(crate) async fn are_noticed() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    scene.pages.preload(OBSERVE);
    scene.form().await?;
    let shifts = since(&scene.browser).await?;
    ensure!(shifts.is_empty(), "{shifts:#?}");
    scene.browser.run("document.getElementById('app').style.paddingTop = '5rem'", Value::Null).await?;
    let shifts = since(&scene.browser).await?;
    let noticed = |it: &Shift| it.value > 0.01 && it.moved.iter().any(|moved| moved.contains("login-title"));
    ensure!(shifts.iter().any(noticed), "{shifts:#?}");
    Ok(())
}

/// The shifts since the last call.
async fn since(browser: &Browser) -> Result<Vec<Shift>> {
    Ok(serde_json::from_value(browser.run(SINCE, Value::Null).await?)?)
}

/// Records each shift of the document, but for what follows a user's input within 500 ms, as CLS is defined.
const OBSERVE: &str = "
    {
      const place = ({x, y, width, height}) => [x, y, width, height].map(Math.round).join(' ');
      const moved = ({node, previousRect, currentRect}) =>
        `${node && (node.outerHTML ?? node.textContent).slice(0, 99)}: ${place(previousRect)} → ${place(currentRect)}`;
      const shifts = [];
      const add = (entries) => {
        for (const {value, hadRecentInput, sources} of entries)
          if (!hadRecentInput) shifts.push({value, moved: sources.map(moved)});
      };
      const observer = new PerformanceObserver((list) => add(list.getEntries()));
      observer.observe({type: 'layout-shift', buffered: true});
      window.__shifts = () => {
        add(observer.takeRecords());
        return shifts.splice(0);
      };
    }";

/// Holds each answer of the API back until the click that asked for it is no excuse any more.
const SLOW: &str = "
    {
      const fetch = window.fetch;
      window.fetch = async (...call) => {
        const answer = await fetch(...call);
        if (new URL(call[0].url ?? call[0], location).origin !== location.origin)
          await new Promise((done) => setTimeout(done, 600));
        return answer;
      };
    }";

/// A frame's shifts are told when it is painted, which is before the next one begins.
const SINCE: &str = "
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    return __shifts();";
