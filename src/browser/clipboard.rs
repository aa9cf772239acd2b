use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Throws where the browser has no clipboard for pages, as over plain HTTP.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = writeText)]
    fn write_text(text: &str) -> Result<Promise, JsValue>;
}

/// Puts `text` into the clipboard. `false` if the browser does not allow it.
pub(crate) async fn copy(text: &str) -> bool {
    match write_text(text) {
        Ok(copied) => JsFuture::from(copied).await.is_ok(),
        Err(_) => false,
    }
}
