//! Tests concealing and checking when the page stops and goes on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::Platform as _;
use yew_jwt_auth::resume::{Watch, watch};

use crate::script::{document_event, page_event, run, until};

fn window_event(event: &str) {
    run(&format!("window.dispatchEvent({event})"));
}

/// A watch whose checks end when the test answers them.
struct Watched {
    log: Rc<RefCell<Vec<&'static str>>>,
    checks: Rc<Cell<u32>>,
    _watch: Watch,
}

impl Watched {
    fn new() -> Self {
        let (log, checks) = (Rc::<RefCell<Vec<_>>>::default(), Rc::<Cell<u32>>::default());
        run("window.answers = []");
        let watch = watch(
            {
                let log = log.clone();
                move |concealed| log.borrow_mut().push(if concealed { "concealed" } else { "revealed" })
            },
            {
                let checks = checks.clone();
                move || {
                    checks.set(checks.get() + 1);
                    let answer = Promise::new(&mut |resolve, _| {
                        let answers = run("return answers").into();
                        js_sys::Array::push(&answers, &resolve);
                    });
                    async move { JsFuture::from(answer).await.unwrap().is_truthy() }
                }
            },
        );
        Self { log, checks, _watch: watch }
    }

    async fn checked(&self, times: u32) {
        until("checked", || self.checks.get() >= times).await;
        // A second check would start at once, or after the jitter of 300 ms.
        Browser.sleep(400).await;
        assert_eq!(self.checks.get(), times);
    }

    async fn answered(&self) {
        run("answers.shift()(true)");
        Browser.sleep(50).await;
    }

    fn log(&self) -> String {
        self.log.borrow().join(" ")
    }
}

#[wasm_bindgen_test]
async fn events_that_come_together_cause_one_check() {
    let page = Watched::new();
    window_event("new Event('online')");
    document_event("resume");
    document_event("visibilitychange");
    page_event("pageshow");
    window_event("new Event('online')");
    page.checked(1).await;
    page.answered().await;
    window_event("new Event('online')");
    page.checked(2).await;
    page.answered().await;
    assert_eq!(page.log(), "", "nothing was concealed");
}

#[wasm_bindgen_test]
async fn the_first_showing_of_a_page_is_not_its_return() {
    let page = Watched::new();
    window_event("new PageTransitionEvent('pageshow')");
    page.checked(0).await;
}

#[wasm_bindgen_test]
async fn what_is_private_is_concealed_until_a_check_has_ended() {
    let page = Watched::new();
    for (event, stop, go_on) in
        [(page_event as fn(&'static str), "pagehide", "pageshow"), (document_event, "freeze", "resume")]
    {
        page.log.borrow_mut().clear();
        page.checks.set(0);
        event(stop);
        assert_eq!(page.log(), "concealed", "in the event itself");
        page.checked(0).await;
        event(go_on);
        page.checked(1).await;
        assert_eq!(page.log(), "concealed");
        page.answered().await;
        assert_eq!(page.log(), "concealed revealed");
    }
}

#[wasm_bindgen_test]
async fn a_check_that_began_before_the_page_stopped_reveals_nothing() {
    let page = Watched::new();
    document_event("visibilitychange");
    page.checked(1).await;
    page_event("pagehide");
    page.answered().await;
    assert_eq!(page.log(), "concealed");
    page_event("pageshow");
    page.checked(2).await;
    page.answered().await;
    assert_eq!(page.log(), "concealed revealed");
}

#[wasm_bindgen_test]
async fn what_happens_during_a_check_causes_another() {
    let page = Watched::new();
    page_event("pagehide");
    page_event("pageshow");
    page.checked(1).await;
    document_event("visibilitychange");
    document_event("resume");
    page.checked(1).await;
    page.answered().await;
    page.checked(2).await;
    assert_eq!(page.log(), "concealed");
    page.answered().await;
    assert_eq!(page.log(), "concealed revealed");
}

#[wasm_bindgen_test]
async fn a_check_that_found_nothing_out_is_repeated_and_reveals_nothing() {
    let page = Watched::new();
    page_event("pagehide");
    page_event("pageshow");
    page.checked(1).await;
    run("answers.shift()(false)");
    page.checked(1).await;
    until("repeated", || page.checks.get() == 2).await;
    assert_eq!(page.log(), "concealed");
    page.answered().await;
    assert_eq!(page.log(), "concealed revealed");
    document_event("visibilitychange");
    page.checked(3).await;
    run("answers.shift()(false)");
    Browser.sleep(1_500).await;
    assert_eq!(page.checks.get(), 3, "nothing is concealed: the next event is soon enough");
}

#[wasm_bindgen_test]
async fn a_watch_that_is_dropped_does_nothing_any_more() {
    let page = Watched::new();
    page_event("pagehide");
    page_event("pageshow");
    page.checked(1).await;
    document_event("visibilitychange");
    let (log, checks) = (page.log.clone(), page.checks.clone());
    drop(page);
    run("answers.shift()()");
    page_event("pagehide");
    Browser.sleep(100).await;
    assert_eq!((log.borrow().join(" "), checks.get()), ("concealed".to_owned(), 1));
}
