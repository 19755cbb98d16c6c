// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host that logs everything, with a register whose every frame is kept, and the search through
//! all of it.
//!
//! It must never leave out a place where the host could have put something.

use super::needles::{Needles, Secret};
use super::recorder::Recorder;
use super::search::Found;
use crate::host::{GATEWAY, Host, Setup, from_xtask, soon, state_of};
use crate::register::{Played, Register, Sale, Watch};
use crate::wire::page;
use payhal_client::protocol::transaction::{GetParams, ReceiptCopy, ReceiptFormat, ReceiptParams};
use rustix::process::Pid;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The reader of every shop.
pub(crate) const READER: &str = "reader-1";

/// What registers say of their sales: no card, and yet nothing for a log.
pub(crate) const REFERENCE: &str = "a reference that no log repeats";

/// Cards that are searched for.
const CANARIES: [&str; 6] = [
    "canary-visa",
    "canary-mastercard",
    "canary-amex",
    "canary-declines",
    "canary-maestro",
    "canary-refuses",
];

/// A reader forgets a card within this time after its sale.
const FORGOTTEN_WITHIN: Duration = Duration::from_millis(100);

/// Pages that the host serves.
const PAGES: [&str; 5] = ["/", "/health", "/metrics", "/openrpc.json", "/console"];

/// How a reader encrypts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Hpke,
    DukptTdes,
    DukptAes,
}

impl Mode {
    /// As a reader's configuration has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hpke => "hpke",
            Self::DukptTdes => "dukpt_tdes",
            Self::DukptAes => "dukpt_aes",
        }
    }
}

/// The host, the register, and what is searched for.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) host: Host,
    pub(crate) register: Register,
    recorder: Recorder,
    needles: Needles,
    /// What is said to everybody, kept by the recorder as well.
    _news: Watch,
}

impl Shop {
    /// With a reader that encrypts so.
    pub(crate) async fn open(mode: Mode) -> Self {
        Self::open_with(mode, |setup| setup).await
    }

    /// The same with other settings.
    pub(crate) async fn open_with(mode: Mode, more: impl FnOnce(Setup) -> Setup) -> Self {
        let setup = Setup::readers(0).terminal(
            READER,
            "virtual-reader",
            &format!("{{ sealing = \"{}\" }}", mode.name()),
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.toml"), more(setup).text()).unwrap();
        inject(&state_of(folder.path()), READER, mode).await;
        let host = Host::start_with(folder, &[("PAYHAL_LOG", "trace"), ("RUST_BACKTRACE", "1")]);
        let host = host.await;
        let recorder = Recorder::before(host.address()).await;
        let register = Register::connect_showing(recorder.ws(), "till-1", &["set_amount"]).await;
        let news = register.watch().await;
        Self {
            host,
            register,
            recorder,
            needles: Needles::of_cards(&CANARIES),
            _news: news,
        }
    }

    /// Another connection of the same till, which can show these questions.
    pub(crate) async fn also_showing(&self, kinds: &[&str]) -> Register {
        Register::connect_showing(self.recorder.ws(), "till-1", kinds).await
    }

    /// Plays a payment with a card of which the holder types the PIN, where one is asked for.
    pub(crate) async fn play(&self, payment: payhal_client::Payment, shown: Shown<'_>) -> Played {
        let mut sale = Sale::new(payment);
        sale.until(payhal_client::protocol::progress::Stage::WaitingForCard)
            .await;
        self.register.show(READER, shown.how, shown.card).await;
        for wrong in shown.pins {
            // The card is in the reader, its PIN is about to be.
            self.assert_host_forgets("with a card in the reader").await;
            let rest = [("wrong", (*wrong).into())];
            self.register.act(READER, "pin", &rest).await;
        }
        let played = sale.end().await;
        self.assert_nothing_after("a payment", Instant::now()).await;
        played
    }

    /// Asserts that neither the host nor, in time, the reader has anything of a card.
    pub(crate) async fn assert_nothing_after(&self, what: &str, ended: Instant) {
        self.assert_host_forgets(what).await;
        let left = FORGOTTEN_WITHIN.saturating_sub(ended.elapsed());
        // Nothing tells that a time has passed but the clock.
        tokio::time::sleep(left).await;
        let found = Found::in_process(&self.needles, self.host.runner(READER));
        found.assert_nothing(&format!("the reader after {what}"));
        self.assert_host_forgets(what).await;
    }

    /// Asserts that nothing of a card is in the host's memory, nor in what it has said.
    pub(crate) async fn assert_host_forgets(&self, when: &str) {
        self.in_host().assert_nothing(&format!("the host {when}"));
        let heard = self.recorder.heard();
        let heard = Found::in_bytes(&self.needles, "frames", &heard);
        heard.assert_nothing(&format!("what registers heard {when}"));
    }

    /// What the gateway's connector has in its memory: it may hold a card while it authorizes.
    pub(crate) fn assert_gateway_forgets(&self, when: &str) {
        let found = Found::in_process(&self.needles, self.host.runner(GATEWAY));
        found.assert_nothing(&format!("the gateway's connector {when}"));
    }

    fn in_host(&self) -> Found {
        Found::in_process(&self.needles, self.pid())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.host.pid()).unwrap()).unwrap()
    }

    /// Asserts that the memory that is searched is that of the host and of its reader: what they
    /// must know is found in it.
    fn assert_memories_are_theirs(&self) {
        let named = |name: &str| Needles::of(vec![(name.to_owned(), Secret::Text(name.into()))]);
        for (what, pid, known) in [
            ("host", self.pid(), "Test shop"),
            ("reader", self.host.runner(READER), READER),
        ] {
            let found = Found::in_process(&named(known), pid);
            assert!(!found.hits().is_empty(), "the {what} does not know {known}");
            let limits = format!("/proc/{}/limits", pid.as_raw_nonzero());
            let limits = std::fs::read_to_string(limits).unwrap();
            let cores = limits
                .lines()
                .find(|line| line.starts_with("Max core file size"));
            let most: Vec<_> = cores.unwrap().split_whitespace().skip(4).take(2).collect();
            assert_eq!(
                most,
                ["0", "0"],
                "a crash of the {what} leaves an image of it"
            );
        }
    }

    /// Asserts that no file of a host that runs has anything of a card.
    pub(crate) async fn assert_files_are_clean(&self, when: &str) {
        let found = Found::in_files(&self.needles, self.host.folder());
        found.assert_nothing(&format!("files {when}"));
        let copies = tempfile::tempdir().unwrap();
        self.copy_journal(copies.path()).await;
        let found = Found::in_files(&self.needles, copies.path());
        found.assert_nothing(&format!("copies of the journal {when}"));
    }

    /// Asks for every receipt and every page, ends the host, and searches all that is left of it.
    pub(crate) async fn close(self, transactions: &[String]) {
        for transaction in transactions {
            self.ask_about(transaction).await;
        }
        let mut pages = Vec::new();
        for path in PAGES {
            let page = page(&self.host, path).await;
            pages.extend_from_slice(page.body.as_bytes());
        }
        let found = Found::in_bytes(&self.needles, "pages", &pages);
        found.assert_nothing("what browsers get");
        self.assert_host_forgets("at the end").await;
        self.assert_files_are_clean("at the end").await;
        self.assert_memories_are_theirs();
        let heard = self.recorder.heard();
        let Self { host, needles, .. } = self;
        let (status, folder) = host.stop().await;
        assert!(status.success(), "{status}");
        let left = Found::in_files(&needles, folder.path());
        left.assert_nothing("files of a host that has ended");
        let log = std::fs::read_to_string(folder.path().join("daemon.log")).unwrap();
        assert!(
            log.contains("TRACE") || log.contains("DEBUG"),
            "the log holds back"
        );
        assert!(!log.contains(REFERENCE), "the log repeats what was sent");
        println!(
            "searched {} bytes of frames, {} of files",
            heard.len(),
            left.bytes()
        );
    }

    /// What there is to know of a payment. One that was never made has nothing; the refusals are
    /// searched as well.
    async fn ask_about(&self, transaction: &str) {
        let params = GetParams {
            transaction_id: Some(transaction.into()),
            idempotency_key: None,
        };
        self.register.0.request(&params).await.ok();
        for copy in [ReceiptCopy::Merchant, ReceiptCopy::Customer] {
            for format in [
                ReceiptFormat::Text,
                ReceiptFormat::Json,
                ReceiptFormat::Html,
            ] {
                let params = ReceiptParams {
                    transaction_id: transaction.into(),
                    copy,
                    format,
                    columns: None,
                    reprint: None,
                };
                self.register.0.request(&params).await.ok();
            }
        }
    }

    /// `journal backup`, and `journal export` in both forms, with what they say.
    async fn copy_journal(&self, to: &Path) {
        let state = state_of(self.host.folder());
        let backup = to.join("backup").display().to_string();
        for (number, words) in [
            vec!["backup", &backup],
            vec!["export", "--format", "jsonl"],
            vec!["export", "--format", "csv"],
        ]
        .into_iter()
        .enumerate()
        {
            let words = [&["journal"], &words[..], &["--state"]].concat();
            let output = run("payhal", &words, &state).await;
            let said = [output.stdout, output.stderr].concat();
            assert!(
                output.status.success(),
                "{words:?}: {}",
                said.escape_ascii()
            );
            std::fs::write(to.join(format!("said-{number}")), said).unwrap();
        }
    }
}

/// How a card is shown, and the PINs that are typed: whether each is wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) how: &'a str,
    pub(crate) card: &'a str,
    pub(crate) pins: &'a [bool],
}

impl<'a> Shown<'a> {
    /// A card nobody types a PIN for.
    pub(crate) fn new(how: &'a str, card: &'a str) -> Self {
        Self {
            how,
            card,
            pins: &[],
        }
    }
}

/// A base key for the gateway, and an initial key of it for the reader, where its mode wants one.
pub(crate) async fn inject(state: &Path, reader: &str, mode: Mode) {
    let scheme = match mode {
        Mode::Hpke => return,
        Mode::DukptTdes => "dukpt-tdes",
        Mode::DukptAes => "dukpt-aes",
    };
    std::fs::create_dir_all(state).unwrap();
    let of_gateway = ["--gateway", GATEWAY, "--slot", "till-key"];
    for words in [
        [&["new-bdk", "--scheme", scheme], &of_gateway[..]].concat(),
        [&["inject", "--device", reader], &of_gateway[..]].concat(),
    ] {
        let words = [&words[..], &["--state"]].concat();
        let output = run("payhal-keys", &words, state).await;
        assert!(
            output.status.success(),
            "{words:?}: {}",
            [output.stdout, output.stderr].concat().escape_ascii()
        );
    }
}

/// A program that lies beside the host, with the state folder as its last word.
async fn run(program: &str, words: &[&str], state: &Path) -> Output {
    let mut command = Command::new(from_xtask("PAYHAL_BIN").with_file_name(program));
    command.args(words).arg(state).kill_on_drop(true);
    soon(program, command.output()).await.unwrap()
}
