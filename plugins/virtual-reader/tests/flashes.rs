// SPDX-License-Identifier: MIT OR Apache-2.0
//! New firmware: whole or none, and on from where it was interrupted.

use super::*;
use crate::flash::MAGIC;
use payhal_messages::update::{UpdateBegin, UpdateBegun, UpdateKind, UpdatePiece};
use sha2::{Digest as _, Sha256};

fn firmware(head: &[u8]) -> (UpdateBegin, Vec<u8>) {
    let mut bytes = head.to_vec();
    bytes.resize(70_000, b'.');
    let hash = Sha256::digest(&bytes);
    let begin = UpdateBegin {
        kind: UpdateKind::Firmware,
        name: "9.9".to_owned(),
        bytes: 70_000,
        sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    (begin, bytes)
}

impl Shop {
    fn begin(&mut self, file: &UpdateBegin) -> Outcome<UpdateBegun> {
        let call = self.bench.call();
        self.reader.update_begin(file.clone(), &call)
    }

    fn pieces(&mut self, bytes: &[u8], from: usize, to: usize) {
        for offset in (from..to).step_by(30_000) {
            let end = (offset + 30_000).min(to);
            let piece = UpdatePiece {
                offset: offset as u64,
                data: bytes[offset..end].to_vec(),
            };
            let call = self.bench.call();
            self.reader.update_piece(piece, &call).unwrap().unwrap();
        }
    }

    fn finish(&mut self, file: &UpdateBegin) -> Outcome<()> {
        let call = self.bench.call();
        self.reader.update_finish(file.clone(), &call)
    }

    fn identity(&mut self) -> (Option<String>, Option<String>) {
        let call = self.bench.call();
        let identity = self.reader.identify(&call).unwrap().unwrap();
        (identity.firmware, identity.incomplete)
    }
}

#[test]
fn a_file_goes_on_where_it_was_and_is_then_in_force() {
    let mut shop = Shop::new();
    let (file, bytes) = firmware(MAGIC);
    let takes = |offset| UpdateBegun::Takes { offset };
    assert_eq!(shop.begin(&file).unwrap().unwrap(), takes(0));
    shop.pieces(&bytes, 0, 30_000);
    assert_eq!(shop.begin(&file).unwrap().unwrap(), takes(30_000));
    shop.pieces(&bytes, 30_000, 70_000);
    assert_ne!(shop.identity().0.as_deref(), Some("9.9"));
    shop.finish(&file).unwrap().unwrap();
    assert_eq!(shop.identity(), (Some("9.9".to_owned()), None));
    assert_eq!(shop.begin(&file).unwrap().unwrap(), UpdateBegun::Has);
}

#[test]
fn what_is_not_for_it_changes_nothing() {
    let mut shop = Shop::new();
    let before = shop.identity();
    let (file, bytes) = firmware(b"for another");
    shop.begin(&file).unwrap().unwrap();
    shop.pieces(&bytes, 0, 70_000);
    assert_eq!(code(shop.finish(&file)), "update_refused");
    assert_eq!(shop.identity(), before);
    let again = shop.begin(&file).unwrap().unwrap();
    assert_eq!(again, UpdateBegun::Takes { offset: 0 });
}

#[test]
fn a_reader_that_is_cut_off_halfway_reads_no_card_until_it_is_whole() {
    let mut shop = Shop::new();
    let (file, bytes) = firmware(MAGIC);
    shop.begin(&file).unwrap().unwrap();
    shop.pieces(&bytes, 0, 70_000);
    let cut = json!({"action": "fault", "fault": "unplug", "at": "update_finish"});
    shop.act(cut).unwrap();
    assert!(shop.finish(&file).is_err());
    shop.act(json!({"action": "plug"})).unwrap();
    assert!(shop.identity().1.is_some());
    assert!(shop.present().is_err());
    let takes = UpdateBegun::Takes { offset: 70_000 };
    assert_eq!(shop.begin(&file).unwrap().unwrap(), takes);
    shop.finish(&file).unwrap().unwrap();
    assert_eq!(shop.identity().1, None);
}
