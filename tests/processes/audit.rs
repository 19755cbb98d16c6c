// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that what the operator did can be shown later: it is on disk before it is answered, whoever
//! dies then; on a full disk it is refused and not done; and an entry that was changed is found.

use crate::host::{Host, Setup, soon, state_of};
use payhal_client::CallError;
use payhal_client::protocol::ErrorName;
use payhal_client::protocol::audit::{AuditEntry, AuditListParams};
use payhal_client::protocol::registers::{RegisterListParams, RegisterUpdateParams};
use payhal_client::protocol::session::Permission;
use payhal_journal::{Format, Span, export_audit, verify};
use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::path::Path;

fn grants(register: &str, permissions: &[Permission]) -> RegisterUpdateParams {
    RegisterUpdateParams {
        register_id: register.into(),
        name: None,
        permissions: Some(permissions.to_vec()),
        limits: None,
    }
}

/// The newest entry of this action.
pub(crate) async fn newest(host: &Host, action: &str) -> Option<AuditEntry> {
    let params = AuditListParams::default();
    let operator = host.operator().await;
    let page = soon("the audit", operator.0.request(&params))
        .await
        .unwrap();
    page.entries
        .into_iter()
        .find(|entry| entry.action == action)
}

fn exported(folder: &Path) -> String {
    let mut out = Vec::new();
    let journal = state_of(folder).join("journal.sqlite");
    export_audit(journal, Format::JsonLines, Span::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill_and_a_changed_entry_is_found() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let params = grants("till-1", &[Permission::Others]);
    soon("a grant", operator.0.request(&params)).await.unwrap();
    let folder = host.kill().await;

    let lines = exported(folder.path());
    let line = lines.lines().find(|line| line.contains("register.updated"));
    let line = line.unwrap_or_else(|| panic!("no such entry in {lines}"));
    let own = format!(
        "operator (socket, uid {})",
        rustix::process::getuid().as_raw()
    );
    for wanted in [own.as_str(), "till-1", "others"] {
        assert!(line.contains(wanted), "{wanted} is not in {line}");
    }
    let journal = state_of(folder.path()).join("journal.sqlite");
    assert_eq!(verify(&journal).unwrap().damage, None);

    let host = Host::start_in(folder).await;
    let entry = newest(&host, "register.updated").await.unwrap();
    assert_eq!(
        (entry.subject.as_deref(), entry.actor),
        (Some("till-1"), own)
    );
    let (_, folder) = host.stop().await;
    let connection = Connection::open(&journal).unwrap();
    let changed = connection
        .execute(
            "UPDATE audit SET body = replace(body, 'till-1', 'till-2') WHERE seq = ?1",
            [i64::try_from(entry.seq).unwrap()],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(connection);
    let damage = verify(&journal).unwrap().damage.unwrap();
    assert_eq!(
        damage.to_string(),
        format!("entry {} of its audit is not as written", entry.seq)
    );
    // It keeps nobody from selling.
    Host::start_in(folder).await.stop().await;
}

#[tokio::test]
async fn each_start_with_open_access_is_kept_and_none_other() {
    let host = Host::start(&Setup::readers(1)).await;
    let entry = newest(&host, "access.open").await;
    let first = entry.expect("this host is open");
    assert_eq!(first.actor, "host");
    let host = host.stop_and_restart().await;
    let second = newest(&host, "access.open").await.unwrap();
    assert!(second.seq > first.seq);
    assert_eq!(
        newest(&host, "tls.made").await.map(|it| it.actor),
        Some("host".into())
    );
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_done_that_could_not_be_kept() {
    let host = Host::start(&Setup::readers(1)).await;
    let operator = host.operator().await;
    let before = grants("till-1", &[Permission::Others]);
    soon("a grant", operator.0.request(&before)).await.unwrap();

    let daemon = Pid::from_raw(i32::try_from(host.pid()).unwrap());
    let limit = Rlimit {
        current: Some(4_096),
        maximum: getrlimit(Resource::Fsize).maximum,
    };
    let unlimited = prlimit(daemon, Resource::Fsize, limit).unwrap();
    let wider = grants("till-1", &Permission::ALL);
    let refused = soon("a refusal", operator.0.request(&wider)).await;
    match refused {
        Err(CallError::Rpc(error)) => {
            assert_eq!(
                error.name(),
                Some(ErrorName::JournalUnavailable),
                "{error:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    let listed = soon("registers", operator.0.request(&RegisterListParams {}));
    let registers = listed.await.unwrap().registers;
    let till = registers
        .iter()
        .find(|one| one.register_id.as_str() == "till-1");
    assert_eq!(till.unwrap().permissions, [Permission::Others]);

    prlimit(daemon, Resource::Fsize, unlimited).unwrap();
    let again = async {
        // The journal is opened anew as soon as there is room.
        while operator.0.request(&wider).await.is_err() {
            tokio::time::sleep(crate::till::PAUSE).await;
        }
    };
    soon("a grant once there is room", again).await;
    let entry = newest(&host, "register.updated").await.unwrap();
    assert!(entry.text.contains("resolve"), "{entry:?}");
    let (_, folder) = host.stop().await;
    let journal = state_of(folder.path()).join("journal.sqlite");
    assert_eq!(verify(&journal).unwrap().damage, None);
}
