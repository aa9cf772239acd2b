//! Tests messages between tabs with real channels and real storage events.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::throw_str;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{Guard, Platform as _};

use crate::script::{self, Frame, Replaced, page_event, run, until};

/// The texts that a listener has received.
#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<String>>>);

impl Heard {
    fn listening() -> (Self, Guard) {
        let heard = Self::default();
        let listening = Browser.listen("test", {
            let heard = heard.clone();
            Box::new(move |text| heard.0.borrow_mut().push(text))
        });
        (heard, listening)
    }

    async fn until(&self, texts: &[&str]) {
        until(&format!("{texts:?}"), || *self.0.borrow() == texts).await;
    }

    async fn stays(&self, texts: &[&str]) {
        Browser.sleep(150).await;
        assert_eq!(*self.0.borrow(), texts);
    }
}

/// Stands in for another tab: a second channel of the same name.
struct Other;

impl Other {
    fn open() -> Self {
        run("window.other = new BroadcastChannel('test');
             window.heard = [];
             other.onmessage = (event) => heard.push(event.data)");
        Self
    }

    fn posts(&self, data: &str) {
        run(&format!("other.postMessage({data})"));
    }

    fn heard(&self) -> String {
        run("return heard.join()").as_string().unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        run("other.close()");
    }
}

#[wasm_bindgen_test]
async fn another_tab_hears_what_is_posted_and_the_tab_itself_does_not() {
    let other = Other::open();
    Browser.post("test", "nobody listens here", false);
    until("heard", || other.heard() == "nobody listens here").await;
    let (heard, listening) = Heard::listening();
    let (as_well, _listening) = Heard::listening();
    Browser.post("test", "to the others", false);
    Browser.post("elsewhere", "to the others", false);
    other.posts("'to all'");
    heard.until(&["to all"]).await;
    as_well.until(&["to all"]).await;
    until("heard", || other.heard() == "nobody listens here,to the others").await;
    drop(listening);
    other.posts("'once more'");
    as_well.until(&["to all", "once more"]).await;
    heard.stays(&["to all"]).await;
}

#[wasm_bindgen_test]
async fn what_is_no_text_is_ignored() {
    let other = Other::open();
    let (heard, _listening) = Heard::listening();
    for data in ["null", "7", "{token: 'x'}", "new ArrayBuffer(4)", "['a']"] {
        other.posts(data);
    }
    other.posts("'text'");
    heard.until(&["text"]).await;
}

#[wasm_bindgen_test]
async fn a_page_that_is_put_away_hears_and_holds_nothing() {
    let other = Other::open();
    let (heard, _listening) = Heard::listening();
    page_event("pagehide");
    other.posts("'too late'");
    heard.stays(&[]).await;
    Browser.post("test", "last words", false);
    until("heard", || other.heard() == "last words").await;
    page_event("pageshow");
    page_event("pageshow");
    other.posts("'again'");
    heard.until(&["again"]).await;
    heard.stays(&["again"]).await;
    Browser.post("test", "hello", false);
    until("heard", || other.heard() == "last words,hello").await;
    heard.stays(&["again"]).await;
}

#[wasm_bindgen_test]
async fn a_listener_may_stop_listen_and_post_while_it_is_called() {
    let other = Other::open();
    let mine: Rc<RefCell<Option<Guard>>> = Rc::default();
    let listening = Browser.listen("test", {
        let mine = mine.clone();
        Box::new(move |_| {
            Browser.post("test", "answer", false);
            let another = Browser.listen("test", Box::new(|_| {}));
            drop((mine.take(), another));
        })
    });
    *mine.borrow_mut() = Some(listening);
    other.posts("'one'");
    other.posts("'two'");
    until("one answer", || other.heard() == "answer").await;
    Browser.sleep(100).await;
    assert_eq!(other.heard(), "answer");
    assert!(mine.borrow().is_none());
}

#[wasm_bindgen_test]
async fn a_listener_that_throws_costs_the_others_nothing() {
    let other = Other::open();
    run("window.thrown = 0;
         const onerror = (event) => { thrown++; event.preventDefault(); event.stopImmediatePropagation(); };
         window.addEventListener('error', onerror, {capture: true, once: true})");
    let _throwing = Browser.listen("test", Box::new(|_| throw_str("on purpose")));
    let (heard, _listening) = Heard::listening();
    other.posts("'one'");
    heard.until(&["one"]).await;
    assert_eq!(run("return thrown").as_f64(), Some(1.0));
}

#[wasm_bindgen_test]
async fn without_channels_the_storage_event_carries_messages() {
    script::clear_storage();
    let _frame = Frame::open();
    let missing = Replaced::new("window", "BroadcastChannel", "value: undefined");
    run("window.heard = [];
         frame.addEventListener('storage', (event) => heard.push(event.key + '=' + event.newValue))");
    let (heard, listening) = Heard::listening();
    Browser.post("test", "a token", true);
    Browser.post("test", "one", false);
    Browser.post("test", "one", false);
    until("heard", || {
        // A secret message is not sent through storage, because an entry could remain there.
        let heard = run("return heard.filter((entry) => !entry.endsWith('=null')).join()");
        heard.as_string().unwrap() == "test:message=one,test:message=one"
    })
    .await;
    assert_eq!(script::stored(), "[{},{}]", "nothing is left");
    run("frame.localStorage.setItem('test:message', 'from there');
         frame.localStorage.removeItem('test:message');
         frame.localStorage.setItem('something else', 'x');
         frame.localStorage.removeItem('something else')");
    heard.until(&["from there"]).await;
    heard.stays(&["from there"]).await;
    drop(listening);
    drop(missing);
    let denied = [Replaced::new("window", "BroadcastChannel", "get() { throw new Error('denied') }")];
    Browser.post("test", "lost", false);
    drop(denied);
}
