//! `wasm-bindgen` in the version of Cargo.lock. Trunk finds it on the PATH.

use std::{env, ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().collect();
    let result = wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(&args)
        .and_then(|()| wasm_runner::rewrite_output(&args));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
