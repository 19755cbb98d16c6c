// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the daemon counts, for Prometheus.

use payhal_protocol::method::{METHODS, Method};

use ::metrics::{Counter, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Counters of one host. Not global, so that two hosts in one process stay apart.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    calls: Vec<Counter>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// What is read when asked for, not counted on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gauges {
    /// Open connections.
    pub(super) connections: usize,
    /// Calls that wait for an answer.
    pub(super) waiting: usize,
    /// Journal commits since the start.
    pub(super) syncs: u64,
    /// Devices that take calls.
    pub(super) devices_ready: usize,
    /// Runner ends nobody asked for.
    pub(super) runner_ends: u32,
    /// Sales that were accepted offline and wait for their gateway.
    pub(super) offline_waiting: usize,
    /// Such sales, and a terminal's, that their issuers did not take since the start.
    pub(super) offline_lost: u64,
}

fn metadata() -> Metadata<'static> {
    Metadata::new("payhal", Level::INFO, None)
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let describe = |name: &'static str, text: &'static str| {
            recorder.describe_gauge(name.into(), Some(Unit::Count), text.into());
        };
        recorder.describe_counter(
            "payhal_calls_total".into(),
            Some(Unit::Count),
            "Calls received, by method".into(),
        );
        describe("payhal_connections", "Open register connections");
        describe("payhal_calls_waiting", "Calls that wait for an answer");
        describe(
            "payhal_journal_commits",
            "Durable journal commits since the start",
        );
        describe("payhal_devices_ready", "Devices that take calls");
        describe(
            "payhal_runner_ends",
            "Plugin runners that ended unasked since the start",
        );
        describe(
            "payhal_offline_waiting",
            "Sales that were accepted offline and wait for their gateway",
        );
        describe(
            "payhal_offline_lost",
            "Offline sales that their issuers did not take since the start",
        );
        let counter = |row: &payhal_protocol::method::MethodRow| {
            let label = Label::from_static_parts("method", row.name);
            let key = Key::from_parts("payhal_calls_total", vec![label]);
            recorder.register_counter(&key, &metadata())
        };
        let calls = METHODS.iter().map(counter).collect();
        Self {
            recorder,
            handle,
            calls,
        }
    }

    /// Counts a call.
    pub(super) fn called(&self, method: Method) {
        self.calls[method as usize].increment(1);
    }

    /// The text Prometheus reads.
    #[expect(
        clippy::cast_precision_loss,
        reason = "gauges are floats by their format"
    )]
    pub(super) fn render(&self, gauges: Gauges) -> String {
        let set = |name: &'static str, value: f64| {
            self.recorder
                .register_gauge(&Key::from_static_name(name), &metadata())
                .set(value);
        };
        set("payhal_connections", gauges.connections as f64);
        set("payhal_calls_waiting", gauges.waiting as f64);
        set("payhal_journal_commits", gauges.syncs as f64);
        set("payhal_devices_ready", gauges.devices_ready as f64);
        set("payhal_runner_ends", f64::from(gauges.runner_ends));
        set("payhal_offline_waiting", gauges.offline_waiting as f64);
        set("payhal_offline_lost", gauges.offline_lost as f64);
        self.handle.render()
    }
}
