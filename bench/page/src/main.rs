//! Puts `calls` into the page: what bench/peers/calls.js is for the others. The client, the browser platform and the
//! profile of the build are those of the page that ships. Only the view is missing.

use futures_util::future::join_all;
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::future_to_promise;
use yew_jwt_auth::auth::{Client, Error, Request};
use yew_jwt_auth::{Browser, Settings};

fn main() {
    let Ok(Settings { base, contract, custody, data_path, .. }) = Settings::from_page() else { return };
    let client = Client::new(Browser, base, contract, custody);
    client.start();

    let calls = Object::new();
    let login = Closure::<dyn Fn(String, String) -> Promise>::new({
        let client = client.clone();
        move |username: String, password: String| {
            let client = client.clone();
            future_to_promise(async move {
                let result = client.login(&username, &password).await;
                result.map(|()| JsValue::UNDEFINED).map_err(|error| error.message().as_ref().into())
            })
        }
    });
    let run = Closure::<dyn Fn(u32, u32) -> Promise>::new(move |count: u32, lanes: u32| {
        let (client, path) = (client.clone(), data_path.to_string());
        future_to_promise(async move {
            let lane = || async {
                let mut failed = 0;
                for _ in 0..count / lanes {
                    failed += u32::from(get(&client, &path).await.is_err());
                }
                failed
            };
            Ok(join_all((0..lanes).map(|_| lane())).await.into_iter().sum::<u32>().into())
        })
    });
    for (name, function) in
        [("login", login.into_js_value()), ("run", run.into_js_value()), ("memory", wasm_bindgen::memory())]
    {
        let _set = Reflect::set(&calls, &name.into(), &function);
    }
    let _set = Reflect::set(&js_sys::global(), &"calls".into(), &calls);
}

/// As the hook `use_protected` does it: the request, and the answer's text as JSON.
async fn get(client: &Client, path: &str) -> Result<String, Error> {
    let answer = client.send(&Request::get(path)).await?.success()?;
    answer.json().map(|text| text.into_owned())
}
