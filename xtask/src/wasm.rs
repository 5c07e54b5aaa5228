//! The core for WebAssembly, and its glue.

use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{cargo_command, exec, root, target};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the shell with these features and gives the module and its glue.
pub(crate) fn build(features: &str) -> Result<(Vec<u8>, String)> {
    ensure_target()?;
    let mut command = cargo_command();
    command.args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "wasm",
        "-p",
        "sansmtp-wasm",
        "--target",
        TARGET,
    ]);
    command.args(["--no-default-features", "--features", features]);
    exec(command.env("CARGO_ENCODED_RUSTFLAGS", rust_flags()?))?;
    let module = target().join(TARGET).join("wasm/sansmtp_wasm.wasm");
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(&module)
        .out_name("sansmtp")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .reset_state_function(true);
    let mut output = bindgen.generate_output()?;
    let glue = without_comments(output.js());
    Ok((output.wasm_mut().emit_wasm(), glue))
}

/// The comments of the glue are those of the shell, which nobody who uses the package sees: its types have their own.
fn without_comments(glue: &str) -> String {
    let mut is_comment = false;
    let is_code = |line: &&str| {
        let (begins, ends) = (line.trim_start().starts_with("/**"), line.contains("*/"));
        let was_comment = is_comment || begins;
        is_comment = was_comment && !ends;
        !was_comment
    };
    glue.split_inclusive('\n').filter(is_code).collect()
}

/// Writes the module, its glue and the module as a script into `wasm/dist/wasm`.
pub(crate) fn install() -> Result<()> {
    let (module, glue) = build(DEFAULT_FEATURES)?;
    let folder = root().join("wasm/dist/wasm");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("sansmtp.wasm"), &module)?;
    fs::write(folder.join("glue.js"), glue)?;
    fs::write(folder.join("inline.js"), inline(&module))?;
    let types = "declare const module: WebAssembly.Module;\nexport default module;\n";
    fs::write(folder.join("sansmtp.wasm.d.ts"), types)?;
    // Where compiling is not allowed, the runtime or its bundler does it.
    fs::write(folder.join("module.js"), "export { default } from './sansmtp.wasm';\n")?;
    Ok(())
}

/// Two characters that begin an octet of two characters; then those that stand for an octet. None needs an escape in
/// JavaScript.
const ALPHABET: &str =
    "}|{zyxwvutsrqponmlkjihgfedcba_^][ZYXWVUTSRQPONMLKJIHGFEDCBA@?>=<;:9876543210/.-,+*)(&%#! ";

/// The module as a script that any bundler takes: the commonest octets as one character, the others as two. Base64 would be
/// a quarter more and would hide from gzip what repeats. `wasm/js/wasm.ts` reads it.
#[allow(
    clippy::indexing_slicing,
    reason = "an octet has one of 256 ranks, and the alphabet has a code for each"
)]
fn inline(module: &[u8]) -> String {
    let mut counts = [0_usize; 256];
    for octet in module {
        counts[usize::from(*octet)] += 1;
    }
    let mut order: Vec<u8> = (0..=255).collect();
    order.sort_by_key(|octet| std::cmp::Reverse(counts[usize::from(*octet)]));
    let alphabet = ALPHABET.as_bytes();
    let (shifts, singles) = alphabet.split_at(2);
    let mut codes = vec![String::new(); 256];
    for (rank, octet) in order.iter().enumerate() {
        let code = match rank.checked_sub(singles.len()) {
            None => vec![singles[rank]],
            Some(rest) => vec![shifts[rest / alphabet.len()], alphabet[rest % alphabet.len()]],
        };
        codes[usize::from(*octet)] = code.into_iter().map(char::from).collect();
    }
    let text: String = module.iter().map(|octet| codes[usize::from(*octet)].as_str()).collect();
    let order: String = order.iter().map(|octet| format!("{octet:02x}")).collect();
    let length = module.len();
    format!(
        "export default {{ length: {length}, alphabet: \"{ALPHABET}\", order: \"{order}\", text: \"{text}\" }};\n"
    )
}

/// What the npm package has.
pub(crate) const DEFAULT_FEATURES: &str = "anonymous,cram-md5,digest-md5,external,login,ntlm,oauthbearer,plain,\
     scram-sha-1,scram-sha-256,scram-sha-512,xoauth2";

fn ensure_target() -> Result<()> {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output()?;
    if fs::exists(String::from_utf8(output.stdout)?.trim())? {
        return Ok(());
    }
    eprintln!("xtask: installing the target {TARGET}, once");
    exec(Command::new("rustup").args(["target", "add", TARGET]))
}

/// No path of the machine goes into the module, so that it is the same wherever it is built.
fn rust_flags() -> Result<String> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(output.stdout)?;
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo"));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let flags = [
        "-Ctarget-feature=+simd128".to_owned(),
        format!("--remap-path-prefix={}=/src", root().display()),
        format!("--remap-path-prefix={home}/registry/src=/deps"),
        format!("--remap-path-prefix={}/lib/rustlib/src/rust=/rustc", sysroot.trim()),
    ];
    Ok(flags.join("\u{1f}"))
}
