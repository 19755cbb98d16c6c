// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exported table, called as a host calls it.

use super::*;
use crate::{Context, Outcome, Reader, Simulated, card_refused};
use payhal_abi::emission;
use payhal_messages::call::{CardRefusal, Failure, Refusal, Status, method};
use payhal_messages::prompt::{Prompt, PromptAnswer, PromptKind, Stage};
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, Present, Presentation, Show,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(serde::Deserialize)]
struct Config {
    model: String,
}

/// A reader whose card is tapped through its simulator.
struct TapReader {
    model: String,
    tapped: Arc<Tap>,
}

struct Tap {
    done: AtomicBool,
    waker: crate::Waker,
}

impl Simulated for Tap {
    fn simulate(&self, action: serde_json::Value) -> Result<serde_json::Value, String> {
        if action != "tap" {
            return Err("only \"tap\" is known".to_owned());
        }
        self.done.store(true, Ordering::SeqCst);
        self.waker.wake();
        Ok(serde_json::json!({ "tapped": true }))
    }
}

impl Reader for TapReader {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        context.log(Level::Info, "opened");
        match config.model.as_str() {
            "panics" => panic!("as asked"),
            "absent" => Err(PluginError::not_sent("find the device")),
            _ => {
                let tapped = Tap {
                    done: AtomicBool::new(false),
                    waker: context.waker(),
                };
                Ok(Self {
                    model: config.model,
                    tapped: Arc::new(tapped),
                })
            }
        }
    }

    fn identify(&mut self, _: &Context) -> Outcome<Identity> {
        Ok(Ok(Identity {
            model: self.model.clone(),
            ..Identity::default()
        }))
    }

    fn present(&mut self, _: Present, context: &Context) -> Outcome<Presentation> {
        context.progress(Stage::WaitingForCard, "card");
        let tapped = || self.tapped.done.load(Ordering::SeqCst).then_some(());
        match context.wait_for(context.deadline(), tapped)? {
            None => card_refused(CardRefusal::NoCard, "no card"),
            Some(()) => card_refused(CardRefusal::NotAccepted, "tapped"),
        }
    }

    fn authorize_card(&mut self, _: AuthorizeCard, _: &Context) -> Outcome<CardRead> {
        panic!("as asked")
    }

    fn complete(&mut self, _: Complete, _: &Context) -> Outcome<CompletionRead> {
        Err(PluginError::maybe_sent("hear the chip"))
    }

    fn show(&mut self, _: Show, context: &Context) -> Outcome<()> {
        let asked = context.prompt(PromptKind::ConfirmSignature, "right?", &[], PATIENCE)?;
        match asked {
            PromptAnswer::Confirmed { yes: true } => Ok(Ok(())),
            _ => Err(PluginError::Unsupported),
        }
    }
}

struct TapSource;

impl SimulatorOf<TapReader> for TapSource {
    fn of(reader: &TapReader) -> Option<Arc<dyn Simulated>> {
        Some(reader.tapped.clone())
    }
}

#[derive(Debug, PartialEq)]
enum Heard {
    Reply(u64, i32, String),
    Emit(u64, u32, String),
    Log(String),
}

unsafe extern "C" fn on_reply(
    context: *mut c_void,
    token: u64,
    status: i32,
    at: *const u8,
    n: usize,
) {
    // SAFETY: the context is the sender below; the payload is valid during the call.
    let (heard, payload) = unsafe { (&*context.cast::<Sender<Heard>>(), bytes(at, n)) };
    let payload = String::from_utf8_lossy(payload).into_owned();
    let _ = heard.send(Heard::Reply(token, status, payload));
}

unsafe extern "C" fn on_emit(
    context: *mut c_void,
    token: u64,
    kind: u32,
    at: *const u8,
    n: usize,
) -> i32 {
    // SAFETY: as above.
    let (heard, payload) = unsafe { (&*context.cast::<Sender<Heard>>(), bytes(at, n)) };
    let payload = String::from_utf8_lossy(payload).into_owned();
    let _ = heard.send(Heard::Emit(token, kind, payload));
    answer::OK
}

unsafe extern "C" fn on_log(context: *mut c_void, _: i32, at: *const u8, n: usize) {
    // SAFETY: as above.
    let (heard, text) = unsafe { (&*context.cast::<Sender<Heard>>(), bytes(at, n)) };
    let _ = heard.send(Heard::Log(String::from_utf8_lossy(text).into_owned()));
}

unsafe extern "C" fn on_connect(
    _: *mut c_void,
    _: *const c_char,
    _: *mut payhal_abi::Handle,
) -> i32 {
    answer::UNREACHABLE
}

/// The machine's time, as a runner has it without virtual time.
unsafe extern "C" fn on_now(_: *mut c_void) -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

unsafe extern "C" fn on_wait(
    context: *mut c_void,
    _: u64,
    handle: payhal_abi::Handle,
    until: u64,
) -> i32 {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    // SAFETY: the plugin keeps the handle open while it waits.
    let handle = unsafe { BorrowedFd::borrow_raw(i32::try_from(handle).unwrap()) };
    // SAFETY: as above.
    let now = unsafe { on_now(context) };
    let remaining = Timespec::try_from(Duration::from_nanos(until.saturating_sub(now))).unwrap();
    let mut polled = [PollFd::from_borrowed_fd(handle, PollFlags::IN)];
    match poll(&mut polled, Some(&remaining)) {
        Ok(0) => wait::TIMEOUT,
        Ok(_) => wait::READY,
        Err(_) => answer::INVALID,
    }
}

static HOST: Host = Host {
    struct_size: size_of::<Host>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    reply: on_reply,
    emit: on_emit,
    log: on_log,
    connect: on_connect,
    now: on_now,
    wait: on_wait,
};

static TABLE: Plugin = table::<ReaderService<TapReader, TapSource>>();

/// A host that collects what it hears.
struct Loader {
    instance: usize,
    heard: Receiver<Heard>,
    _sender: Box<Sender<Heard>>,
}

impl Loader {
    fn create(config: &str) -> Self {
        let (sender, heard) = channel();
        let sender = Box::new(sender);
        let setup = Setup {
            struct_size: size_of::<Setup>() as u32,
            port_count: 0,
            instance_name: c"tap-1".as_ptr(),
            state_dir: c"/nonexistent".as_ptr(),
            config: config.as_ptr(),
            config_len: config.len(),
            ports: std::ptr::null(),
        };
        let context = std::ptr::from_ref(&*sender).cast_mut().cast();
        let create = TABLE.create.expect("the table is complete");
        // SAFETY: host, context and setup are valid as the ABI asks.
        let instance = unsafe { create(&raw const HOST, context, &raw const setup) };
        Self {
            instance: instance as usize,
            heard,
            _sender: sender,
        }
    }

    fn call(&self, token: u64, method: &str, deadline_ms: u32, payload: &str) {
        let method = CString::new(method).expect("no zero byte");
        let call = TABLE.call.expect("the table is complete");
        let instance = self.instance as *mut c_void;
        // SAFETY: the instance is live; method and payload outlive the call.
        unsafe {
            call(
                instance,
                token,
                method.as_ptr(),
                deadline_ms,
                payload.as_ptr(),
                payload.len(),
            );
        }
    }

    fn next(&self) -> Heard {
        self.heard
            .recv_timeout(PATIENCE)
            .expect("the plugin says something")
    }

    #[track_caller]
    fn expect_reply(&self, token: u64, status: Status) -> String {
        match self.next() {
            Heard::Reply(to, code, payload) if (to, code) == (token, status as i32) => payload,
            other => panic!("expected {status:?} of {token}, heard {other:?}"),
        }
    }

    fn destroy(&self) {
        let destroy = TABLE.destroy.expect("the table is complete");
        // SAFETY: the instance is live and no call runs.
        unsafe { destroy(self.instance as *mut c_void) }
    }
}

fn opened() -> Loader {
    let loader = Loader::create(r#"{"model":"Tap"}"#);
    assert_ne!(loader.instance, 0);
    assert_eq!(loader.next(), Heard::Log("opened".to_owned()));
    loader
}

const PRESENT: &str = r#"{"transaction_id":"t","purpose":"sale","timeout_ms":1000,
    "amounts":{"currency":"EUR","total_minor":1},"entries":["chip"]}"#;

#[test]
fn open_failures_have_reasons_and_quote_nothing() {
    for (config, reason) in [
        (r#"{"model":"absent"}"#, "find the device"),
        (r#"{"model":"panics"}"#, "open: the plugin panicked"),
        (
            r"{}",
            "understand the configuration: model is missing at line 1, column 2",
        ),
        (
            r#"{"model":4711}"#,
            "understand the configuration: a wrong value at line 1, column 13",
        ),
        (
            "secret",
            "understand the configuration: no JSON at line 1, column 1",
        ),
    ] {
        let loader = Loader::create(config);
        assert_eq!(loader.instance, 0, "{config}");
        let said = std::iter::from_fn(|| loader.heard.try_recv().ok())
            .find_map(|heard| match heard {
                Heard::Reply(0, _, payload) => Some(payload),
                _ => None,
            })
            .expect("a reason");
        let failure: Failure = serde_json::from_str(&said).expect("a failure");
        assert_eq!(failure.reason, reason);
    }
}

#[test]
fn methods_answer_refuse_fail_or_are_unknown() {
    let loader = opened();
    loader.call(1, method::IDENTIFY, 0, "");
    assert_eq!(loader.expect_reply(1, Status::Ok), r#"{"model":"Tap"}"#);
    loader.call(2, "no_such_method", 0, "");
    assert_eq!(loader.expect_reply(2, Status::Unsupported), "");
    loader.call(
        3,
        method::LOAD_PARAMETERS,
        0,
        r#"{"set":"s","version":"1","parameters":{}}"#,
    );
    assert_eq!(loader.expect_reply(3, Status::Unsupported), "");
    loader.call(4, method::PRESENT, 0, r#"{"transaction_id":4111}"#);
    let failure: Failure =
        serde_json::from_str(&loader.expect_reply(4, Status::Failed)).expect("a failure");
    assert!(
        failure
            .reason
            .starts_with("understand the arguments of present: a wrong value")
    );
    let complete =
        r#"{"transaction_id":"t","presentation_id":"p","answer":{"decision":"no_answer"}}"#;
    loader.call(5, method::COMPLETE, 0, complete);
    let failed = r#"{"sent":"maybe","reason":"hear the chip"}"#;
    assert_eq!(loader.expect_reply(5, Status::Failed), failed);
    loader.destroy();
}

#[test]
fn a_panic_is_a_failure_and_names_itself_afterwards() {
    let loader = opened();
    let request = r#"{"transaction_id":"t","presentation_id":"p","device":"d","purpose":"sale",
        "amounts":{"currency":"EUR","total_minor":1},
        "recipient":{"gateway":"g","key_id":"k","public_key":""}}"#;
    loader.call(1, method::AUTHORIZE_CARD, 0, request);
    let said = loader.expect_reply(1, Status::Failed);
    assert!(
        said.contains("run authorize_card: the plugin panicked"),
        "{said}"
    );
    let broken = r#"{"change":"broken","reason":"the plugin panicked in authorize_card"}"#;
    assert_eq!(loader.next(), Heard::Emit(0, 3, broken.to_owned()));
    loader.call(2, method::IDENTIFY, 0, "");
    let said = loader.expect_reply(2, Status::Failed);
    assert!(
        said.contains("the plugin panicked before and must be restarted"),
        "{said}"
    );
    loader.destroy();
}

#[test]
fn a_card_is_tapped_while_present_waits() {
    let loader = opened();
    std::thread::scope(|threads| {
        let shared = std::ptr::from_ref(&loader) as usize;
        threads.spawn(move || {
            // SAFETY: the loader outlives the scope; only its instance pointer is used here.
            let loader = unsafe { &*(shared as *const Loader) };
            loader.call(1, method::PRESENT, 0, PRESENT);
        });
        assert!(matches!(
            loader.next(),
            Heard::Emit(1, emission::PROGRESS, _)
        ));
        loader.call(2, method::SIMULATE, 0, r#""tap""#);
        let mut statuses = [loader.next(), loader.next()].map(|heard| match heard {
            Heard::Reply(token, status, payload) => (token, status, payload),
            other => panic!("unexpected: {other:?}"),
        });
        statuses.sort();
        let refusal: Refusal = serde_json::from_str(&statuses[0].2).expect("a refusal");
        assert_eq!(
            (statuses[0].1, refusal.text.as_str()),
            (Status::Refused as i32, "tapped")
        );
        assert_eq!(
            (statuses[1].1, statuses[1].2.as_str()),
            (0, r#"{"tapped":true}"#)
        );
    });
    loader.call(3, method::SIMULATE, 0, r#""sing""#);
    assert!(loader.expect_reply(3, Status::Refused).contains("only"));
    loader.destroy();
}

#[test]
fn waiting_ends_by_cancel_and_by_deadline() {
    let loader = opened();
    loader.call(1, method::PRESENT, 1, PRESENT);
    assert!(matches!(
        loader.next(),
        Heard::Emit(1, emission::PROGRESS, _)
    ));
    assert!(loader.expect_reply(1, Status::Refused).contains("no_card"));
    std::thread::scope(|threads| {
        let shared = std::ptr::from_ref(&loader) as usize;
        threads.spawn(move || {
            // SAFETY: as above.
            let loader = unsafe { &*(shared as *const Loader) };
            loader.call(2, method::PRESENT, 0, PRESENT);
        });
        assert!(matches!(
            loader.next(),
            Heard::Emit(2, emission::PROGRESS, _)
        ));
        let cancel = TABLE.cancel.expect("the table is complete");
        // SAFETY: the instance is live.
        unsafe { cancel(loader.instance as *mut c_void, 2) };
        assert_eq!(loader.expect_reply(2, Status::Cancelled), "");
    });
    loader.destroy();
}

#[test]
fn a_prompt_gets_its_answer() {
    let loader = opened();
    std::thread::scope(|threads| {
        let shared = std::ptr::from_ref(&loader) as usize;
        threads.spawn(move || {
            // SAFETY: as above.
            let loader = unsafe { &*(shared as *const Loader) };
            loader.call(1, method::SHOW, 0, r#"{"lines":[]}"#);
        });
        let Heard::Emit(1, emission::PROMPT, prompt) = loader.next() else {
            panic!("no prompt")
        };
        let prompt: Prompt = serde_json::from_str(&prompt).expect("a prompt");
        let said = br#"{"answer":"confirmed","yes":true}"#;
        let deliver = TABLE.deliver.expect("the table is complete");
        // SAFETY: the instance is live; the answer outlives the call.
        unsafe {
            let instance = loader.instance as *mut c_void;
            deliver(instance, 1, prompt.prompt_id, said.as_ptr(), said.len());
        }
        assert_eq!(loader.expect_reply(1, Status::Ok), "{}");
    });
    loader.destroy();
}
