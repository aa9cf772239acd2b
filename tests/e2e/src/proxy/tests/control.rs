//! A page that controls the proxy.

use super::*;

#[tokio::test]
async fn a_page_controls_the_proxy_over_http() {
    let bench = Bench::with(vec![]).await;
    let preflight = "origin: http://page\r\naccess-control-request-method: PUT\r\n";
    let allowed = bench.send("OPTIONS /__stand/rules", preflight, "").await;
    assert!(allowed.starts_with("HTTP/1.1 204"), "{allowed}");
    assert!(allowed.contains("access-control-allow-methods: GET, PUT, POST, DELETE\r\n"), "{allowed}");

    let rules = r#"[{"method":"POST","path":"/refresh","times":1,"action":{"type":"drop_after"}},
        {"path":"/token","action":{"type":"respond","status":503,"headers":[["retry-after","2"]],"cors":true}}]"#;
    let set = bench.send("PUT /__stand/rules", "origin: http://page\r\n", rules).await;
    assert!(set.starts_with("HTTP/1.1 204"), "{set}");
    assert_eq!(bench.refresh().await, "");
    assert!(bench.send("POST /token", "", "").await.contains("retry-after: 2\r\n"));

    let log = bench.send("GET /__stand/log?requests=2&ms=5000", "origin: http://page\r\n", "").await;
    assert!(log.contains("access-control-allow-origin: http://page\r\n"), "{log}");
    let entries: Vec<Entry> = serde_json::from_str(body_of(&log)).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["/refresh", "/token"]);

    bench.send("DELETE /__stand", "", "").await;
    assert!(bench.proxy.log().entries().is_empty());
    assert!(bench.send("POST /token", "", "").await.starts_with("HTTP/1.1 200"), "the rules are gone");
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_the_reason() {
    let bench = Bench::with(vec![]).await;
    let refused = bench.send("PUT /__stand/rules", "", r#"[{"action":{"type":"explode"}}]"#).await;
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("explode"), "{refused}");
}

#[tokio::test]
async fn a_page_releases_what_hangs() {
    let bench = Bench::with(vec![Rule::new("POST", "/refresh", Action::HangAfter)]).await;
    let hung = bench.refresh_in_background();
    let committed = |entries: &[Entry]| entries.iter().any(|entry| entry.upstream_status == Some(200));
    bench.proxy.log().wait_until(committed, SOON).await.unwrap();
    bench.send("POST /__stand/release", "", "").await;
    assert_eq!(body_of(&tokio::time::timeout(SOON, hung).await.unwrap().unwrap()), BODY);
}
