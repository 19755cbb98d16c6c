// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal serve`: runs the host until it is asked to stop.

use super::args::HostArgs;
use super::exit::{Exit, Failure, PLUGINS_ADVICE};
use super::screen::{say, tell};
use crate::access::Mode;
use crate::config::Config;
use crate::host::Host;
use crate::plugins::{Plugins, Sources, discover};
use payhal_messages::manifest::Kind;

/// Runs the host.
pub(super) async fn serve(args: &HostArgs) -> Result<Exit, Failure> {
    let config = Config::load(&args.overrides())?;
    let plugins = discover(&Sources::of(&config));
    let advice = advice(&config, &plugins, args);
    warn_of_broken(&plugins);
    let open = config.access == Mode::Open;
    let host = Host::start(config).await?;
    if open {
        warn_of_open_access();
    }
    if let Some(advice) = advice {
        tell(&advice);
    }
    ready(&host);
    host.until_stopped().await;
    Ok(Exit::Ok)
}

/// The lines on standard output that say where, once everything answers. The first is for whoever
/// started this; the others name the listeners with TLS.
pub(super) fn ready(host: &Host) {
    tracing::info!("Unix socket at {}", host.socket().display());
    let at = host.addresses();
    say(&format!("payhal: listening on {}", at.plain));
    if let Some(tls) = at.tls {
        say(&format!("payhal: with TLS on localhost:{}", tls.port()));
    }
    if let Some(network) = at.network {
        say(&format!("payhal: in the network, with TLS, on {network}"));
    }
}

pub(super) fn warn_of_open_access() {
    tell(
        "payhal: ACCESS IS OPEN: every program on this machine may charge cards here without \
         proof. Loopback only. For demonstration and tests, not for real cards.",
    );
}

pub(super) fn warn_of_broken(plugins: &Plugins) {
    for (folder, why) in &plugins.broken {
        tell(&format!(
            "payhal: the plugin in {} cannot be used: {why}",
            folder.display()
        ));
    }
}

/// What to do about a host that can do nothing yet.
fn advice(config: &Config, plugins: &Plugins, args: &HostArgs) -> Option<String> {
    if !config.instances.is_empty() {
        return None;
    }
    let file = args
        .place
        .config
        .clone()
        .unwrap_or_else(|| config.state.join("payhal.toml"));
    let device = plugins
        .found
        .values()
        .find(|plugin| plugin.manifest.kind != Kind::Gateway);
    let Some(device) = device else {
        let folders: Vec<_> = config
            .plugins
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Some(format!(
            "payhal: no device is configured and no device plugin is installed (looked in {}).\n{PLUGINS_ADVICE}",
            folders.join(", ")
        ));
    };
    Some(format!(
        "payhal: no device is configured. Put one into {}, and a gateway likewise:\n\n    \
         [[device]]\n    name = \"counter-1\"\n    plugin = \"{}\"\n",
        file.display(),
        device.manifest.id
    ))
}
