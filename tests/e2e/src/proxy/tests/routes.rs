//! Requests for several hosts and paths.

use super::*;

#[tokio::test]
async fn absolute_form_requests_go_to_the_route_of_their_host() {
    let (pages, api) = (Upstream::start().await, Upstream::start().await);
    let routes = vec![
        Route::pages(pages.serving.address).host("app.test"),
        Route::api(api.serving.address).host("api.test"),
    ];
    let proxy = Proxy::with_routes(0, routes).await.unwrap();
    let page = send(proxy.address(), "GET http://app.test/index.html?x", "", "").await;
    assert!(page.contains("x-seen-path: /index.html?x\r\n"), "the server gets a path: {page}");
    let answer = send(proxy.address(), "POST http://api.test:80/token", "", "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!((pages.served(), api.served()), (1, 1));
    assert_eq!(proxy.log().wire(), ["POST /token 200"], "files of the page are not recorded");

    let outside = send(proxy.address(), "GET http://elsewhere.test/", "", "").await;
    assert!(outside.starts_with("HTTP/1.1 502"), "{outside}");
    let tunnel = send(proxy.address(), "CONNECT elsewhere.test:443", "", "").await;
    assert!(tunnel.starts_with("HTTP/1.1 403"), "{tunnel}");
}

#[tokio::test]
async fn page_and_api_can_share_one_origin() {
    let (pages, api) = (Upstream::start().await, Upstream::start().await);
    let routes = vec![
        Route::api(api.serving.address).paths(&["/token", "/sessions"]),
        Route::pages(pages.serving.address),
    ];
    let proxy = Proxy::with_routes(0, routes).await.unwrap();
    for path in ["/", "/tokens.css", "/sessions/7", "/token"] {
        send(proxy.address(), &format!("GET {path}"), "", "").await;
    }
    assert_eq!((pages.served(), api.served()), (2, 2));
    assert_eq!(proxy.log().wire(), ["GET /sessions/7 200", "GET /token 200"]);
}
