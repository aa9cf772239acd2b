//! `wasm-bindgen` in the version of Cargo.lock. It knows the arguments that xtask and Trunk give, and no others.

use std::process::ExitCode;

use anyhow::{Result, bail};
use pico_args::Arguments;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    match run(Arguments::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Arguments) -> Result<()> {
    if args.contains("--version") {
        // The manifest's version is wasm-bindgen's.
        println!("wasm-bindgen {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    let target: String = args.value_from_str("--target")?;
    let folder: String = args.value_from_str("--out-dir")?;
    let name: String = args.value_from_str("--out-name")?;
    let typescript = !args.contains("--no-typescript");
    let omit_path = args.contains("--omit-default-module-path");
    let rest = args.finish();
    let ("web", [input]) = (target.as_str(), rest.as_slice()) else {
        bail!(
            "This tool makes pages only (--target web) and does not know all of {rest:?}: install wasm-bindgen-cli."
        );
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).web(true)?.out_name(&name);
    bindgen.typescript(typescript).omit_default_module_path(omit_path);
    bindgen.generate(folder)
}
