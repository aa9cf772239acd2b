//! Tests the lock between tabs in a real browser.

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{Guard, Platform as _};

use crate::script::{Frame, Replaced, run, run_async, until, within};

type Waiting = LocalBoxFuture<'static, Option<Guard>>;

fn lock() -> Waiting {
    Browser.lock("test")
}

/// The number of holders of the lock and the number of requests that wait for it, in all documents.
async fn queue() -> String {
    let queue = run_async(
        "const {held, pending} = await navigator.locks.query();
         const ours = (locks) => locks.filter((lock) => lock.name === 'test').length;
         return `${ours(held)} held, ${ours(pending)} waiting`",
    );
    queue.await.as_string().unwrap()
}

/// Counts unhandled rejections of promises. [`check`](Self::check) fails if there was one.
struct NoRejections;

impl NoRejections {
    fn watch() -> Self {
        run("window.unhandled = 0;
             window.onunhandledrejection = (event) => { window.unhandled++; event.preventDefault(); }");
        Self
    }

    async fn check(self) {
        // The browser reports a rejection after the task in which it happened.
        Browser.sleep(50).await;
        assert_eq!(run("window.onunhandledrejection = null; return unhandled").as_f64(), Some(0.0));
    }
}

#[wasm_bindgen_test]
async fn one_holds_it_and_the_next_gets_it_when_it_is_dropped() {
    let first = lock().await.expect("granted");
    let second = lock();
    let Err(second) = within(100, second).await else { panic!("two hold it") };
    assert_eq!(queue().await, "1 held, 1 waiting");
    drop(first);
    let second = within(2000, second).await.ok().flatten().expect("granted");
    assert_eq!(queue().await, "1 held, 0 waiting");
    drop(second);
    assert!(within(2000, lock()).await.is_ok_and(|lock| lock.is_some()));
}

#[wasm_bindgen_test]
async fn it_excludes_other_documents() {
    let _frame = Frame::open();
    let taken =
        "return await frame.navigator.locks.request('test', {ifAvailable: true}, (lock) => lock === null)";
    let held = lock().await.expect("granted");
    assert_eq!(run_async(taken).await, true);
    drop(held);
    until_free().await;
    assert_eq!(run_async(taken).await, false);
}

async fn until_free() {
    for _ in 0..100 {
        if queue().await == "0 held, 0 waiting" {
            return;
        }
        Browser.sleep(10).await;
    }
    panic!("the lock is still held: {}", queue().await);
}

#[wasm_bindgen_test]
async fn who_is_dropped_in_the_queue_leaves_it() {
    let unhandled = NoRejections::watch();
    let held = lock().await.expect("granted");
    let Err(waiting) = within(50, lock()).await else { panic!("two hold it") };
    assert_eq!(queue().await, "1 held, 1 waiting");
    drop(waiting);
    let left = async {
        while queue().await != "1 held, 0 waiting" {
            Browser.sleep(10).await;
        }
    };
    assert!(within(2000, Box::pin(left)).await.is_ok());
    drop(held);
    until_free().await;
    unhandled.check().await;
}

#[wasm_bindgen_test]
async fn who_is_dropped_when_it_was_granted_meanwhile_releases_it() {
    let unhandled = NoRejections::watch();
    for pause in [0, 1, 5, 20] {
        let mut waiting = lock();
        assert!((&mut waiting).now_or_never().is_none());
        // By now the browser may have granted the lock. The future has not been polled since.
        Browser.sleep(pause).await;
        drop(waiting);
        until_free().await;
    }
    let mut waiting = lock();
    assert!((&mut waiting).now_or_never().is_none());
    drop(waiting);
    until_free().await;
    drop(lock());
    unhandled.check().await;
}

#[wasm_bindgen_test]
async fn where_there_are_no_locks_there_is_none_at_once() {
    let unhandled = NoRejections::watch();
    for descriptor in [
        "value: undefined",
        "value: null",
        "value: {request() { throw new DOMException('denied', 'SecurityError') }}",
        "value: {request: () => Promise.reject(new DOMException('denied', 'SecurityError'))}",
        "value: {}",
    ] {
        let replaced = Replaced::new("Navigator.prototype", "locks", descriptor);
        assert!(within(1000, lock()).await.is_ok_and(|lock| lock.is_none()), "{descriptor}");
        drop(replaced);
    }
    // The browser refuses a name that begins with a hyphen.
    assert!(Browser.lock("-reserved").await.is_none());
    unhandled.check().await;
    until("granted again", || true).await;
    assert!(lock().await.is_some());
}
