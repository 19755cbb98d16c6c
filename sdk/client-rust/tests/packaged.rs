// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two crates a register is built with can be packaged: no path of this repository is left in
//! them.

use std::path::Path;
use std::process::Command;

#[test]
fn both_crates_are_packaged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["package", "--offline", "--allow-dirty", "--no-verify"])
        .args(["--package", "payhal-protocol"])
        .args(["--package", "payhal-client"])
        .arg("--target-dir")
        .arg(target.path())
        .current_dir(root);
    let done = cargo.output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for name in ["payhal-protocol", "payhal-client"] {
        let version = env!("CARGO_PKG_VERSION");
        let made = target
            .path()
            .join(format!("package/{name}-{version}.crate"));
        assert!(made.is_file(), "{}", made.display());
    }
}
