// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers: WebSocket clients that ask, wait for the answer, and ask again.
//!
//! The same client loads payhal and every baseline, so its own cost is in both.

use crate::Failure;
use crate::measure::{COUNTED, Cpu, Sample, WARM_UP};
use crate::process;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long one answer may take before the run fails.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Tells the runs of one bench apart, so that no idempotency key comes twice.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// What registers ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask {
    Ping,
    /// A sale on the register's own reader.
    Sale,
}

/// How long, or how often.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Warm up, then count for a while.
    Counted,
    /// So many answers for each register.
    Answers(u32),
}

/// The name in the answer when a reader still serves another sale.
const BUSY: &str = "\"DEVICE_BUSY\"";

/// One register's connection.
pub(crate) struct Register {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    number: usize,
    run: u32,
    asked: u64,
    sales: u64,
    /// How often a call had to be repeated because its reader was busy.
    repeated: u64,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Register {
    /// Connects; says hello where somebody listens to it.
    pub(crate) async fn connect(address: &str, number: usize, run: u32) -> Result<Self, Failure> {
        let url = format!("ws://{address}/v1/ws");
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0);
        let (socket, _) = connect_async_with_config(url, Some(config), true).await?;
        let mut register = Self {
            socket,
            number,
            run,
            asked: 0,
            sales: 0,
            repeated: 0,
        };
        let hello = format!(
            "\"session.hello\",\"params\":{{\"protocol\":[1],\"client\":{{\"name\":\"bench\",\
             \"version\":\"1\"}},\"register_id\":\"register-{number}\"}}",
        );
        register.answer(&hello).await?;
        Ok(register)
    }

    /// Sends one call and waits for its answer; what is said meanwhile is read and dropped. A call
    /// that found its reader busy is sent again at once, as its answer says.
    async fn answer(&mut self, method_and_params: &str) -> Result<String, Failure> {
        loop {
            match self.try_answer(method_and_params).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) if refused.contains(BUSY) => self.repeated += 1,
                Err(refused) => {
                    return Err(format!("{method_and_params} was refused: {refused}").into());
                }
            }
        }
    }

    async fn try_answer(
        &mut self,
        method_and_params: &str,
    ) -> Result<Result<String, String>, Failure> {
        self.asked += 1;
        let id = self.asked;
        let call = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":{method_and_params}}}");
        self.socket.send(Message::Text(call.into())).await?;
        loop {
            let message = self
                .socket
                .next()
                .await
                .ok_or("the connection was closed")??;
            let Message::Text(text) = message else {
                continue;
            };
            let head: Head<'_> = serde_json::from_str(&text)?;
            match head {
                Head {
                    error: Some(error), ..
                } => return Ok(Err(error.to_string())),
                Head {
                    method: Some(_), ..
                } => {}
                Head { .. } => return Ok(Ok(text.to_string())),
            }
        }
    }

    async fn ask(&mut self, ask: Ask) -> Result<String, Failure> {
        let call = match ask {
            Ask::Ping => "\"session.ping\"".to_owned(),
            Ask::Sale => self.sale(),
        };
        let answered = tokio::time::timeout(ANSWER_MAX, self.answer(&call)).await;
        answered.map_err(|_| format!("no answer within {ANSWER_MAX:?} to {call}"))?
    }

    fn sale(&mut self) -> String {
        let Self {
            run, number, sales, ..
        } = self;
        *sales += 1;
        format!(
            "\"payment.sale\",\"params\":{{\"idempotency_key\":\"run{run}register{number}sale{sales}\",\
             \"amount\":{{\"minor\":1250,\"currency\":\"EUR\"}},\"device\":\"reader-{number}\",\
             \"reference\":\"table 12\"}}",
        )
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

async fn connect_all(address: &str, connections: usize) -> Result<Vec<Register>, Failure> {
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let mut registers = Vec::with_capacity(connections);
    for number in 0..connections {
        registers.push(Register::connect(address, number, run).await?);
    }
    Ok(registers)
}

/// Asks one thing on a connection of its own.
pub(crate) fn ask(address: &str, method: &str) -> Result<String, Failure> {
    runtime()?.block_on(async {
        let mut register = Register::connect(address, 0, 0).await?;
        register
            .answer(&format!("\"{method}\",\"params\":{{}}"))
            .await
    })
}

/// What looking took.
#[derive(Debug)]
pub(crate) struct Looks {
    /// The last answer.
    pub(crate) answer: String,
    /// Half were faster, microseconds.
    pub(crate) p50_us: f64,
    /// All but one in a hundred were faster.
    pub(crate) p99_us: f64,
}

/// Asks one after another on one connection.
pub(crate) fn looks(
    address: &str,
    count: u32,
    call: impl Fn(u32) -> String,
) -> Result<Looks, Failure> {
    runtime()?.block_on(async {
        let mut register = Register::connect(address, 0, 0).await?;
        let mut answer = String::new();
        let mut latencies = Vec::new();
        for number in 0..count {
            let call = call(number);
            let begun = Instant::now();
            answer = register.answer(&call).await?;
            latencies.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        latencies.sort_by(f64::total_cmp);
        let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
        Ok(Looks {
            answer,
            p50_us: at(0.5),
            p99_us: at(0.99),
        })
    })
}

/// Connects and waits for the answer to hello.
pub(crate) fn hello(address: &str) -> Result<(), Failure> {
    runtime()?
        .block_on(Register::connect(address, 0, 0))
        .map(drop)
}

/// Opens connections, one ping on each, and keeps them open while `meanwhile` runs.
pub(crate) fn while_connected<T>(
    address: &str,
    connections: usize,
    meanwhile: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = runtime()?;
    let registers = runtime.block_on(async {
        let mut registers = connect_all(address, connections).await?;
        for register in &mut registers {
            register.ask(Ask::Ping).await?;
        }
        Ok::<_, Failure>(registers)
    })?;
    let done = meanwhile();
    runtime.block_on(async { drop(registers) });
    done
}

/// Loads a server from so many registers at once. `pid`: whose CPU time is counted.
pub(crate) fn run(
    address: &str,
    pid: u32,
    connections: usize,
    ask: Ask,
    until: Until,
) -> Result<Sample, Failure> {
    runtime()?.block_on(async {
        let registers = connect_all(address, connections).await?;
        let counting = Arc::new(AtomicBool::new(matches!(until, Until::Answers(_))));
        let stop = Arc::new(AtomicBool::new(false));
        let asking = registers.into_iter().map(|mut register| {
            let (counting, stop) = (Arc::clone(&counting), Arc::clone(&stop));
            tokio::spawn(
                async move { keep_asking(&mut register, ask, until, &counting, &stop).await },
            )
        });
        let asking: Vec<_> = asking.collect();
        let mut begun = Instant::now();
        let mut before = process::cpu_of_family(pid);
        let mut timed = None;
        if let Until::Counted = until {
            tokio::time::sleep(WARM_UP).await;
            before = process::cpu_of_family(pid);
            begun = Instant::now();
            counting.store(true, Ordering::Relaxed);
            tokio::time::sleep(COUNTED).await;
            stop.store(true, Ordering::Relaxed);
            timed = Some((begun.elapsed(), process::cpu_of_family(pid)));
        }
        let mut latencies = Vec::new();
        let mut repeated = 0;
        for one in asking {
            let (mut of_one, of_one_repeated) = one.await??;
            latencies.append(&mut of_one);
            repeated += of_one_repeated;
        }
        let (took, after) = timed.unwrap_or_else(|| (begun.elapsed(), process::cpu_of_family(pid)));
        let cpu: Cpu = process::spent(before, after);
        let repeated = repeated as f64 / latencies.len().max(1) as f64;
        Ok(Sample {
            repeated,
            ..Sample::new(&mut latencies, took, cpu)?
        })
    })
}

async fn keep_asking(
    register: &mut Register,
    ask: Ask,
    until: Until,
    counting: &AtomicBool,
    stop: &AtomicBool,
) -> Result<(Vec<u64>, u64), Failure> {
    let mut latencies = Vec::new();
    loop {
        let begun = Instant::now();
        register.ask(ask).await?;
        if stop.load(Ordering::Relaxed) {
            return Ok((latencies, register.repeated));
        }
        if counting.load(Ordering::Relaxed) {
            latencies.push(u64::try_from(begun.elapsed().as_nanos())?);
        }
        if let Until::Answers(most) = until
            && latencies.len() >= most as usize
        {
            return Ok((latencies, register.repeated));
        }
    }
}
