//! Tests the guarantees of `Platform` for both storages of a real browser.

use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{Area, Platform as _, StorageError};

use crate::script::{self, Replaced};

#[wasm_bindgen_test]
fn both_storages_keep_text() {
    script::clear_storage();
    for area in [Area::Tab, Area::Profile] {
        assert_eq!(Browser.read(area, "k"), Ok(None));
        Browser.write(area, "k", "\u{96fb} \"{").unwrap();
        assert_eq!(Browser.read(area, "k"), Ok(Some("\u{96fb} \"{".to_owned())));
        Browser.remove(area, "k").unwrap();
        Browser.remove(area, "k").unwrap();
        assert_eq!(Browser.read(area, "k"), Ok(None));
    }
}

#[wasm_bindgen_test]
fn keys_are_found_by_their_beginning() {
    script::clear_storage();
    for area in [Area::Tab, Area::Profile] {
        assert_eq!(Browser.keys(area, ""), Ok(Vec::new()));
        for key in ["a:1", "b:1", "a:2", "a"] {
            Browser.write(area, key, "").unwrap();
        }
        let mut found = Browser.keys(area, "a:").unwrap();
        found.sort();
        assert_eq!(found, ["a:1", "a:2"]);
    }
    script::clear_storage();
}

#[wasm_bindgen_test]
fn storage_that_is_denied_or_null_is_an_error_and_no_panic() {
    let all = || {
        for area in [Area::Tab, Area::Profile] {
            assert_eq!(Browser.read(area, "k"), Err(StorageError));
            assert_eq!(Browser.write(area, "k", "v"), Err(StorageError));
            assert_eq!(Browser.remove(area, "k"), Err(StorageError));
            assert_eq!(Browser.keys(area, "k"), Err(StorageError));
        }
    };
    let denied = Replaced::storage_denied();
    all();
    drop(denied);
    let null = [Replaced::new("Storage.prototype", "getItem", "value() { throw new Error('corrupted') }")];
    assert_eq!(Browser.read(Area::Profile, "k"), Err(StorageError));
    drop(null);
    assert_eq!(Browser.read(Area::Profile, "k"), Ok(None));
}

#[wasm_bindgen_test]
fn full_storage_is_an_error_and_no_panic() {
    script::clear_storage();
    let far_too_long = "x".repeat(6 * 1024 * 1024);
    assert_eq!(Browser.write(Area::Profile, "k", &far_too_long), Err(StorageError));
    assert_eq!(Browser.read(Area::Profile, "k"), Ok(None));
}
