//! Requests and answers that hang.

use super::*;

#[tokio::test]
async fn a_hung_request_waits_in_front_of_the_server_until_it_is_released() {
    let bench = Bench::with(vec![Rule::any(Action::Hang)]).await;
    let hung = bench.refresh_in_background();
    bench.proxy.log().wait_until(|entries| entries.len() == 1, SOON).await.unwrap();
    assert_eq!((bench.upstream.served(), hung.is_finished()), (0, false));
    let answer = release(&bench.proxy, hung).await;
    assert_eq!(body_of(&answer), BODY);
    assert_eq!(bench.upstream.served(), 1);
}

#[tokio::test]
async fn a_hung_answer_is_withheld_although_the_server_did_its_work() {
    let bench = Bench::with(vec![Rule::any(Action::HangAfter)]).await;
    let hung = bench.refresh_in_background();
    let committed = |entries: &[Entry]| entries.iter().any(|entry| entry.upstream_status == Some(200));
    let entries = bench.proxy.log().wait_until(committed, SOON).await.unwrap();
    assert_eq!(
        (entries[0].outcome, bench.upstream.served(), hung.is_finished()),
        (Outcome::Pending, 1, false)
    );
    let answer = release(&bench.proxy, hung).await;
    assert_eq!(body_of(&answer), BODY);
}

async fn release(proxy: &Proxy, hung: JoinHandle<String>) -> String {
    proxy.release_hung();
    tokio::time::timeout(SOON, hung).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_as_gone() {
    let bench = Bench::with(vec![Rule::any(Action::Hang)]).await;
    let hung = bench.refresh_in_background();
    bench.proxy.log().wait_until(|entries| entries.len() == 1, SOON).await.unwrap();
    hung.abort();
    let gone = |entries: &[Entry]| entries[0].outcome == Outcome::Abandoned;
    bench.proxy.log().wait_until(gone, SOON).await.unwrap();
    assert_eq!(bench.proxy.log().wire(), ["POST /refresh abandoned"]);
}
