// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register API on the Unix socket, for this user's own processes: the same JSON-RPC, one
//! message a line.

use super::Shared;
use super::closing::{Closing, next_of};
use super::limits::CONNECTIONS_MAX;
use super::outgoing::{Outgoing, Sendings};
use super::session::{Door, Running, Session, Taken};
use crate::host::HostError;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use payhal_failpoint::failpoint;
use payhal_protocol::limits::MESSAGE_BYTES_MAX;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::codec::{FramedRead, LinesCodec};

/// Binds the socket for this user alone. The journal's lock says that no other host lives in this
/// state folder, so a socket that lies there is left over.
pub(super) fn bind(path: &Path) -> Result<UnixListener, HostError> {
    let failed = |source| HostError::Listen {
        place: path.display().to_string(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).map_err(failed)?;
    Ok(listener)
}

/// Serves until the task is aborted.
pub(super) async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&open).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if is_own_user(&stream) && !is_of_runner(&stream, &shared) {
                        converse(stream, shared).await;
                    } else {
                        tracing::warn!("a process was refused at the operator's socket");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("failed to accept at the socket: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// File permissions keep others out already; credentials do so wherever permissions are not
/// honoured.
fn is_own_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}

/// Whether a plugin's process is behind it, or one that it started: they are this user's too, and
/// no plugin is the operator. A process that cannot be told is refused.
fn is_of_runner(stream: &UnixStream, shared: &Shared) -> bool {
    /// Generations between a runner and what its plugin could start.
    const GENERATIONS_MAX: usize = 16;
    let Some(mut pid) = stream.peer_cred().ok().and_then(|peer| peer.pid()) else {
        return true;
    };
    let supervisor = &shared.supervisor;
    let views = supervisor.all().into_iter();
    let runners: Vec<u32> = views.filter_map(|view| view.pid).collect();
    for _ in 0..GENERATIONS_MAX {
        if u32::try_from(pid).is_ok_and(|pid| runners.contains(&pid)) {
            return true;
        }
        match parent(pid) {
            // The host starts runners and nothing else, and one that is not known yet is one too.
            Some(parent) if u32::try_from(parent).is_ok_and(|own| own == std::process::id()) => {
                return true;
            }
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    true
}

/// proc(5): the parent is the second field behind the name, which ends with a parenthesis.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}

async fn converse(stream: UnixStream, shared: Arc<Shared>) {
    let (outgoing, mut sendings) = Outgoing::new();
    let session = Session::new(Arc::clone(&shared), outgoing, Door::Operator);
    let ended = sendings.farewell_apart();
    tokio::pin!(ended);
    let (read, mut write) = tokio::io::split(stream);
    let codec = LinesCodec::new_with_max_length(MESSAGE_BYTES_MAX);
    let mut lines = FramedRead::new(read, codec);
    let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
    let mut closing = shared.closing.subscribe();
    loop {
        let message = tokio::select! {
            biased;
            farewell = &mut ended => {
                if farewell.is_patient() {
                    write_rest(&mut write, &mut sendings).await;
                }
                return;
            }
            message = sendings.queue.recv() => message,
            line = lines.next() => match line {
                Some(Ok(line)) => match session.take(&line) {
                    Taken::Silent => None,
                    Taken::Answer(text) | Taken::Malformed(text) => Some(text),
                    Taken::Running(more) => {
                        running.extend(more);
                        None
                    }
                },
                Some(Err(_)) | None => return,
            },
            Some(()) = running.next(), if !running.is_empty() => None,
            now = next_of(&mut closing) => {
                session.announce_stop();
                if now == Closing::Closed {
                    write_rest(&mut write, &mut sendings).await;
                    return;
                }
                None
            }
        };
        if let Some(message) = message {
            let written = tokio::select! {
                written = write_line(&mut write, message) => written,
                _ = &mut ended => return,
            };
            if written.is_err() {
                return;
            }
        }
    }
}

/// What is still waiting, as far as it is taken.
async fn write_rest(write: &mut WriteHalf<UnixStream>, sendings: &mut Sendings) {
    while let Ok(last) = sendings.queue.try_recv() {
        if write_line(write, last).await.is_err() {
            return;
        }
    }
}

async fn write_line(write: &mut WriteHalf<UnixStream>, mut line: String) -> std::io::Result<()> {
    failpoint!("register.write.before", super::session::what(&line));
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    failpoint!("register.write.after");
    Ok(())
}
