// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a disk that fails loses nothing and charges nobody twice: while it is broken new
//! money is refused with `JOURNAL_UNAVAILABLE`, whoever is in the middle of a payment is never told
//! wrongly that nothing moved, and once it is mended every key gets its last word.
//!
//! `traced` needs strace, which lets system calls of a running daemon fail; `mounted` needs a mount
//! namespace of its own. xtask knows when they can run.

use crate::host::{Setup, soon, state_of};
use crate::keeper::{Keeper, as_pid};
use crate::reconcile::{Word, reconcile};
use crate::shop;
use crate::till::{PAUSE, Stages, Till};
use crate::wish::{What, Wish};
use payhal_client::protocol::progress::Stage;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::sleep;

/// What new money is told meanwhile.
const UNAVAILABLE: &str = "JOURNAL_UNAVAILABLE";

/// What a case does to a disk, and how it takes it back.
trait Trouble {
    /// From here on the disk of this daemon fails.
    async fn begin(&mut self, keeper: &Keeper);
    /// From here on it works.
    async fn end(&mut self, keeper: &Keeper);
    /// Whether nothing can be written from its beginning to its end.
    fn lasts(&self) -> bool {
        true
    }
}

fn sell(minor: i64, reader: usize, how: &'static str) -> What {
    What::sale(minor, &format!("reader-{reader}"), how, "visa-approve")
}

/// One payment is under way when the trouble begins, one comes while it lasts, one after it.
async fn story(keeper: Keeper, trouble: &mut impl Trouble) {
    let stages = Stages::default();
    let till = |id: &str| Till::new(id, keeper.place(), false, stages.clone());
    let mut early = till("early");
    let before = Wish::new("before", sell(1000, 1, "insert"));
    let word = early.see_through(&before).await;
    assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");

    let mut caught = till("caught");
    let card = Arc::new(Notify::new());
    let mut running = Wish::new("running", sell(1100, 1, "insert"));
    running.card_after = Some(Arc::clone(&card));
    let paying = tokio::spawn(async move {
        caught.see_through(&running).await;
        (caught, vec![running])
    });
    stages.until(Stage::WaitingForCard).await;
    trouble.begin(&keeper).await;
    card.notify_one();
    // A checkpoint may meet the trouble before the payment does, which then was not begun.
    let told = ["OUTCOME_UNKNOWN", UNAVAILABLE];
    stages.until_heard("running", &told).await;

    let mut late = till("late");
    let during = Wish::new("during", sell(1200, 2, "tap"));
    let trying = tokio::spawn(async move {
        late.see_through(&during).await;
        (late, vec![during])
    });
    stages.until_heard("during", &[UNAVAILABLE]).await;
    let log = keeper.folder().join("daemon.log");
    if trouble.lasts() {
        until_said(&log, "the journal stays closed").await;
    }
    trouble.end(&keeper).await;
    let mut tills = vec![paying.await.unwrap(), trying.await.unwrap()];

    let after = Wish::new("after", sell(1300, 1, "tap"));
    let word = early.see_through(&after).await;
    assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");
    tills.push((early, vec![before, after]));
    let said = std::fs::read_to_string(log).unwrap();
    assert!(
        said.contains("the journal failed"),
        "no trouble came: {said}"
    );
    let reopened = said.matches("the journal is open again").count();
    assert!(
        reopened == 1 || !trouble.lasts(),
        "it was opened on a disk that takes nothing: {said}"
    );
    assert_eq!(keeper.life().number, 0, "no daemon ended by itself");
    let closed = shop::close(keeper, tills, Vec::new()).await;
    let violations = reconcile(&closed.views);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// Waits until the daemon's diagnostic log has this.
async fn until_said(log: &Path, what: &str) {
    soon(what, async {
        while !std::fs::read_to_string(log).unwrap().contains(what) {
            sleep(PAUSE).await;
        }
    })
    .await;
}

fn shop_of_three() -> Keeper {
    Keeper::open(&Setup::readers(3), Vec::new())
}

/// System calls that fail, by strace.
mod traced {
    use super::*;
    use rustix::process::{Signal, kill_process};
    use std::process::Stdio;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::{Child, Command};

    struct Injection {
        /// As strace writes it: calls, error, and which of each thread's calls.
        what: &'static str,
        strace: Option<Child>,
    }

    impl Injection {
        fn new(what: &'static str) -> Self {
            Self { what, strace: None }
        }
    }

    impl Trouble for Injection {
        async fn begin(&mut self, keeper: &Keeper) {
            let pid = keeper.life().pid.expect("it runs");
            let calls = self.what.split(':').next().unwrap_or_default();
            let mut strace = Command::new("strace")
                .args(["-f", "-p", &pid.to_string(), "-o", "/dev/null"])
                .args(["-e", &format!("trace={calls}")])
                .args(["-e", &format!("inject={}", self.what)])
                .stdin(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("strace is installed");
            let errors = strace.stderr.take().expect("ours");
            let mut lines = BufReader::new(errors).lines();
            soon("strace", async {
                while let Some(line) = lines.next_line().await.unwrap() {
                    if line.contains("attached") {
                        return;
                    }
                    println!("strace: {line}");
                }
                panic!("strace cannot trace a running process here");
            })
            .await;
            // It says when it lets threads go; somebody must take that.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            self.strace = Some(strace);
        }

        async fn end(&mut self, _: &Keeper) {
            let mut strace = self.strace.take().expect("it was begun");
            let pid = strace.id().and_then(as_pid).expect("it runs");
            kill_process(pid, Signal::INT).unwrap();
            soon("the end of strace", strace.wait()).await.unwrap();
        }

        fn lasts(&self) -> bool {
            self.what.ends_with('+')
        }
    }

    #[tokio::test]
    async fn a_flush_that_fails_once() {
        let mut trouble = Injection::new("fdatasync:error=EIO:when=1");
        story(shop_of_three(), &mut trouble).await;
    }

    #[tokio::test]
    async fn the_flush_after_the_gateway_has_approved() {
        let mut trouble = Injection::new("fdatasync:error=EIO:when=2");
        story(shop_of_three(), &mut trouble).await;
    }

    #[tokio::test]
    async fn flushes_that_fail_until_somebody_mends_it() {
        let mut trouble = Injection::new("fdatasync:error=EIO:when=1+");
        story(shop_of_three(), &mut trouble).await;
    }

    #[tokio::test]
    async fn a_disk_that_takes_nothing_more() {
        let mut trouble = Injection::new("pwrite64:error=ENOSPC:when=1+");
        story(shop_of_three(), &mut trouble).await;
    }

    #[tokio::test]
    async fn a_disk_that_became_read_only() {
        let mut trouble = Injection::new("pwrite64,ftruncate,fallocate:error=EROFS:when=1+");
        story(shop_of_three(), &mut trouble).await;
    }

    #[tokio::test]
    async fn a_disk_that_reads_nothing() {
        let mut trouble = Injection::new("pread64,pwrite64:error=EIO:when=1+");
        story(shop_of_three(), &mut trouble).await;
    }
}

/// A limit of the daemon's process.
struct Limited {
    resource: Resource,
    most: u64,
    before: Option<Rlimit>,
}

impl Limited {
    fn new(resource: Resource, most: u64) -> Self {
        Self {
            resource,
            most,
            before: None,
        }
    }

    fn set(&self, keeper: &Keeper, limit: Rlimit) -> Rlimit {
        let pid = keeper.life().pid.and_then(as_pid);
        prlimit(Some(pid.expect("it runs")), self.resource, limit).unwrap()
    }
}

impl Trouble for Limited {
    async fn begin(&mut self, keeper: &Keeper) {
        // The daemon has inherited ours. What may be raised again must keep its maximum.
        let limit = Rlimit {
            current: Some(self.most),
            maximum: getrlimit(self.resource).maximum,
        };
        let before = self.set(keeper, limit);
        self.before = Some(before);
    }

    async fn end(&mut self, keeper: &Keeper) {
        self.set(keeper, self.before.expect("it was begun"));
    }
}

#[tokio::test]
async fn files_that_may_not_grow() {
    let mut trouble = Limited::new(Resource::Fsize, 4_096);
    story(shop_of_three(), &mut trouble).await;
}

/// Not of the disk, but of the same kind: nothing can be opened any more.
#[tokio::test]
async fn no_file_that_can_be_opened() {
    let keeper = shop_of_three();
    keeper.listens().await;
    let stages = Stages::default();
    let mut till = Till::new("till-1", keeper.place(), false, stages.clone());
    let first = Wish::new("first", sell(1000, 1, "insert"));
    till.see_through(&first).await;
    let mut trouble = Limited::new(Resource::Nofile, 4);
    trouble.begin(&keeper).await;
    // What is open goes on; nobody else gets in, and nobody is harmed by trying.
    let second = Wish::new("second", sell(1100, 1, "insert"));
    let word = till.see_through(&second).await;
    assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");
    let mut stranger = Till::new("stranger", keeper.place(), false, stages.clone());
    let third = Wish::new("third", sell(1200, 2, "tap"));
    let trying = tokio::spawn(async move {
        stranger.see_through(&third).await;
        (stranger, vec![third])
    });
    let fourth = Wish::new("fourth", sell(1300, 1, "tap"));
    let word = till.see_through(&fourth).await;
    assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");
    assert!(!trying.is_finished(), "a stranger got in");
    trouble.end(&keeper).await;
    let tills = vec![trying.await.unwrap(), (till, vec![first, second, fourth])];
    assert_eq!(keeper.life().number, 0, "no daemon ended by itself");
    let closed = shop::close(keeper, tills, Vec::new()).await;
    let violations = reconcile(&closed.views);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// A disk of its own for the state, and nothing else.
mod mounted {
    use super::*;
    use crate::host::serve;
    use std::path::PathBuf;
    use std::process::Command;

    /// Room for the journal with what it keeps for its log, and a little more.
    const DISK: &str = "size=6m";
    const READERS: usize = 4;
    /// What is heard on a full disk: of a payment that may be in the journal, nobody says that
    /// nothing moved. At one moment every register may be in the middle of one.
    const FULL: [&str; 2] = [UNAVAILABLE, "OUTCOME_UNKNOWN"];
    /// Payments of each register until it must be full.
    const SALES_MAX: usize = 500;

    fn mount(arguments: &[&str], on: &Path) {
        let done = Command::new("mount").args(arguments).arg(on).status();
        assert!(done.unwrap().success(), "mount {arguments:?}");
    }

    /// The gateway's books stay where they were: it is somebody else's disk.
    fn small_disk() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let books = folder.path().join("elsewhere");
        let state = state_of(folder.path());
        let instances = state.join("instances");
        std::fs::create_dir_all(&books).unwrap();
        std::fs::create_dir_all(&state).unwrap();
        mount(&["-t", "tmpfs", "-o", DISK, "payhal-tests"], &state);
        std::fs::create_dir_all(&instances).unwrap();
        mount(&["--bind", books.to_str().unwrap()], &instances);
        let text = Setup::automatic(READERS, "tap visa-approve").text();
        std::fs::write(folder.path().join("shop.toml"), text).unwrap();
        folder
    }

    /// So that the folder can be removed.
    fn unmount(folder: &Path) {
        let state = state_of(folder);
        for place in [state.join("instances"), state] {
            let done = Command::new("umount").arg("--lazy").arg(place).status();
            assert!(done.unwrap().success());
        }
    }

    fn fill(state: &Path) -> PathBuf {
        let filler = state.join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        let block = [1_u8; 4_096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
        filler
    }

    /// Sells until somebody was told that there is no room, with a wish for each sale.
    async fn sell_until_full(mut till: Till, reader: usize) -> (Till, Vec<Wish>) {
        let mut wishes = Vec::new();
        while !till.stages().heard_anywhere(&FULL) && wishes.len() < SALES_MAX {
            let nth = wishes.len();
            let minor = i64::try_from(nth * READERS + reader).unwrap() * 100;
            let wish = Wish::new(format!("wish-{nth}"), sell(minor, reader, "tap"));
            till.see_through(&wish).await;
            wishes.push(wish);
        }
        (till, wishes)
    }

    #[tokio::test]
    async fn a_disk_that_is_full() {
        let keeper = Keeper::reopen(small_disk(), Vec::new());
        keeper.listens().await;
        let stages = Stages::default();
        let selling: Vec<_> = (1..=READERS)
            .map(|reader| {
                let id = format!("till-{reader}");
                let till = Till::new(&id, keeper.place(), true, stages.clone());
                tokio::spawn(sell_until_full(till, reader))
            })
            .collect();
        let filler = fill(&state_of(keeper.folder()));
        stages.until_heard_anywhere(&FULL).await;
        std::fs::remove_file(&filler).unwrap();
        let mut tills = Vec::new();
        for till in selling {
            tills.push(till.await.unwrap());
        }
        let closed = shop::close(keeper, tills, Vec::new()).await;
        unmount(closed.folder.path());
        let violations = reconcile(&closed.views);
        assert!(violations.is_empty(), "{violations:#?}");
    }
    /// The system makes a disk read-only by itself only when it fails, and takes nobody's open file
    /// away: here it is one when the next daemon comes.
    #[tokio::test]
    async fn a_disk_that_came_back_read_only() {
        let keeper = Keeper::reopen(small_disk(), Vec::new());
        let mut till = Till::new("till-1", keeper.place(), true, Stages::default());
        let before = Wish::new("before", sell(1000, 1, "tap"));
        let word = till.see_through(&before).await;
        assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");
        let told = std::mem::take(&mut till.told);
        let (_, folder) = keeper.close().await;
        let state = state_of(folder.path());
        mount(&["-o", "remount,ro"], &state);
        let daemon = serve(folder.path(), "127.0.0.1:0").output();
        let ended = soon("the end of a daemon that cannot write", daemon).await;
        let ended = ended.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{said}");
        assert!(said.contains("read-only"), "{said}");
        mount(&["-o", "remount,rw"], &state);
        let keeper = Keeper::reopen(folder, Vec::new());
        let mut till = Till::new("till-1", keeper.place(), true, Stages::default());
        till.told = told;
        let after = Wish::new("after", sell(1100, 1, "tap"));
        let word = till.see_through(&after).await;
        assert!(matches!(word, Some(Word::Approved { .. })), "{word:?}");
        let tills = vec![(till, vec![before, after])];
        let closed = shop::close(keeper, tills, Vec::new()).await;
        unmount(closed.folder.path());
        let violations = reconcile(&closed.views);
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
