// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the file promises: after a crash at any point each side has a clear next step.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

fn newcomer(id: &str, byte: u8) -> Newcomer {
    Newcomer {
        register_id: id.to_owned(),
        name: format!("Till {id}"),
        origin: Some("https://shop.example".to_owned()),
        secret: secret(byte),
        permissions: vec![Permission::Others],
        limits: Limits::default(),
        at_micros: 1,
    }
}

fn opened(folder: &Path) -> Table {
    Table::open(folder).unwrap()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access");
    (folder, access)
}

#[test]
fn what_was_paired_is_there_after_a_restart() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    assert_eq!(table.pair(newcomer("a", 1)).unwrap().generation, 1);
    let again = opened(&folder);
    let paired = again.find("a").unwrap();
    assert!(paired.secret(&secret(1).key_id()).is_some());
    assert!(paired.secret(&secret(2).key_id()).is_none());
    assert_eq!(paired.permissions, [Permission::Others]);
    let file = std::fs::metadata(folder.join(FILE)).unwrap();
    assert_eq!(file.mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_replaced_register_learns_why_and_its_keys_do_not_come_back() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    table.pair(newcomer("a", 1)).unwrap();
    assert_eq!(table.pair(newcomer("a", 2)).unwrap().generation, 2);
    let old = secret(1).key_id();
    assert_eq!(table.why_gone("a", &old), Some(Ended::Replaced));
    assert!(table.unpair("a", 5).unwrap());
    assert!(!table.unpair("a", 5).unwrap());
    let mut again = opened(&folder);
    let newer = secret(2).key_id();
    assert_eq!(again.why_gone("a", &newer), Some(Ended::Unpaired));
    assert_eq!(again.why_gone("b", &newer), None);
    assert_eq!(again.pair(newcomer("a", 3)).unwrap().generation, 3);
}

#[test]
fn a_rotation_that_was_never_heard_leaves_the_old_secret_good() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    table.pair(newcomer("a", 1)).unwrap();
    table
        .update("a", |paired| paired.rotate_due = true)
        .unwrap();
    table.add_next("a", secret(2)).unwrap();
    table.add_next("a", secret(3)).unwrap();
    // The daemon dies here: whichever secret the register has now, it is let in.
    let mut table = opened(&folder);
    for byte in [1, 2, 3] {
        let paired = table.find("a").unwrap();
        assert!(paired.secret(&secret(byte).key_id()).is_some(), "{byte}");
    }
    table.proven("a", &secret(3).key_id(), 9).unwrap();
    let table = opened(&folder);
    let paired = table.find("a").unwrap();
    assert_eq!(paired.key_id(), secret(3).key_id());
    assert!(!paired.rotate_due);
    for byte in [1, 2] {
        assert!(paired.secret(&secret(byte).key_id()).is_none(), "{byte}");
    }
}

#[test]
fn a_crash_before_the_new_file_has_its_name_leaves_the_old_one() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    table.pair(newcomer("a", 1)).unwrap();
    std::fs::write(folder.join("registers.json.new"), "{\"version\":1,\"regis").unwrap();
    let mut table = opened(&folder);
    assert!(table.find("a").is_some());
    table.pair(newcomer("b", 2)).unwrap();
    assert_eq!(opened(&folder).all().len(), 2);
}

#[test]
fn a_change_that_cannot_be_written_is_not_made() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    table.pair(newcomer("a", 1)).unwrap();
    // A folder in the file's place cannot be removed as a file, whoever runs this.
    std::fs::create_dir(folder.join("registers.json.new")).unwrap();
    assert!(table.pair(newcomer("b", 2)).is_err());
    assert!(table.unpair("a", 1).is_err());
    assert!(table.find("b").is_none());
    assert!(table.find("a").is_some());
}

#[test]
fn rights_of_others_stop_the_start() {
    let (_keep, folder) = place();
    opened(&folder).pair(newcomer("a", 1)).unwrap();
    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, good, bad) in [
        (folder.join(FILE), 0o600, 0o640),
        (folder.clone(), 0o700, 0o755),
    ] {
        chmod(&path, bad);
        let error = Table::open(&folder).unwrap_err().to_string();
        assert!(error.contains("chmod"), "{error}");
        chmod(&path, good);
        assert!(Table::open(&folder).is_ok());
    }
}

#[test]
fn damage_stops_the_start_and_its_words_tell_no_secret() {
    let (_keep, folder) = place();
    opened(&folder).pair(newcomer("a", 1)).unwrap();
    let whole = std::fs::read_to_string(folder.join(FILE)).unwrap();
    let kept = secret(1).to_base64();
    assert!(whole.contains(kept.as_str()));
    let damaged = [
        whole[..whole.len() / 2].to_owned(),
        whole.replace(kept.as_str(), &kept[..40]),
        whole.replace("\"version\": 1", "\"version\": 2"),
        String::new(),
    ];
    for text in damaged {
        std::fs::write(folder.join(FILE), text).unwrap();
        let error = Table::open(&folder).unwrap_err().to_string();
        assert!(error.contains("backup"), "{error}");
        assert!(!error.contains(&kept[..16]), "{error}");
    }
}

#[test]
fn only_so_many_ended_pairings_are_remembered() {
    let (_keep, folder) = place();
    let mut table = opened(&folder);
    for byte in 0..=u8::try_from(GONE_MAX).unwrap() {
        table.pair(newcomer("a", byte)).unwrap();
    }
    table.unpair("a", 1).unwrap();
    assert_eq!(table.kept.gone.len(), GONE_MAX);
    assert_eq!(table.why_gone("a", &secret(0).key_id()), None);
    assert!(table.why_gone("a", &secret(2).key_id()).is_some());
}
