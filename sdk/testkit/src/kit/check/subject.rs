// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is checked: the plugin folder, and what its author says about checking it.

use super::device::{Device, Mute, Simulator};
use super::noise::Fault;
use super::session::Trouble;
use payhal_messages::manifest::{Ability, Kind, Manifest};
use payhal_messages::update::UpdateKind;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The author's `conformance.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conformance {
    /// Configuration of the checked instance; the manifest's `config` lies under it.
    #[serde(default)]
    config: Map<String, Value>,
    /// The author's device: a command that speaks JSON lines.
    #[serde(default)]
    simulator: Vec<String>,
    /// Which name of the simulator is which situation.
    #[serde(default)]
    scenarios: BTreeMap<String, String>,
    /// What people do to a simulated plugin in that situation: payloads of `simulate`.
    #[serde(default)]
    simulate: BTreeMap<String, Vec<Value>>,
    /// Members that replace those of the check's own requests, by method.
    #[serde(default)]
    requests: BTreeMap<String, Value>,
    /// What its line cannot bear by its nature, each with a reason: faults of the noisy line.
    #[serde(default)]
    noise: BTreeMap<String, String>,
    /// Files that the simulated device takes, by what they are for.
    #[serde(default)]
    update: BTreeMap<UpdateKind, NewFile>,
    /// Rows that are left out, each with a reason that the report repeats.
    #[serde(default)]
    skip: BTreeMap<String, String>,
}

/// A file for the device: one beside `conformance.toml`, or what is in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NewFile {
    File(PathBuf),
    Text(String),
}

/// A plugin folder, ready to be checked.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) library: PathBuf,
    pub(crate) runner: PathBuf,
    pub(crate) config: Value,
    conformance: Conformance,
    sealed: OnceLock<OwnedFd>,
}

impl Subject {
    /// Reads the folder. `runner` is the program that loads the library.
    ///
    /// # Errors
    ///
    /// Fails with a sentence on what is missing or wrong.
    pub(crate) fn read(folder: &Path, runner: PathBuf) -> Result<Self, String> {
        let folder = folder
            .canonicalize()
            .map_err(|error| format!("find {}: {error}", folder.display()))?;
        let path = folder.join("plugin.toml");
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("read {}: {error}", path.display()))
        };
        let manifest = Manifest::parse(&read(&path)?)
            .map_err(|error| format!("understand {}: {error}", path.display()))?;
        let library = folder.join(manifest.library_file());
        if !library.is_file() {
            let library = library.display();
            return Err(format!(
                "find the library {library}: build the plugin first"
            ));
        }
        let path = folder.join("conformance.toml");
        let conformance: Conformance = match path.exists() {
            true => toml::from_str(&read(&path)?)
                .map_err(|error| format!("understand {}: {error}", path.display()))?,
            false => Conformance::default(),
        };
        let known = |fault: &str| Fault::ALL.iter().any(|(_, name)| *name == fault);
        if let Some(strange) = conformance.noise.keys().find(|fault| !known(fault)) {
            let names = Fault::ALL.map(|(_, name)| name).join(", ");
            return Err(format!(
                "understand {}: [noise] knows {names}, and not {strange}",
                path.display()
            ));
        }
        let mut config = manifest.config.clone();
        config.extend(conformance.config.clone());
        Ok(Self {
            folder,
            manifest,
            library,
            runner,
            config: Value::Object(config),
            conformance,
            sealed: OnceLock::new(),
        })
    }

    /// Lanes of its runner: calls at once, and one for the people at a simulated device.
    pub(crate) fn lanes(&self) -> usize {
        usize::from(self.manifest.calls_max.min(4)) + usize::from(self.manifest.simulated)
    }

    /// The library, as a runner is given it: a copy in memory that is as sealed as a host's, and the
    /// same one for every runner.
    pub(crate) fn library_given(&self) -> std::io::Result<OwnedFd> {
        if let Some(sealed) = self.sealed.get() {
            return sealed.try_clone();
        }
        let library = File::open(&self.library)?;
        let sealed = sealed(library)?;
        self.sealed.get_or_init(|| sealed).try_clone()
    }

    /// A device in its first state.
    pub(crate) fn device(&self) -> Result<Box<dyn Device>, Trouble> {
        match self.conformance.simulator.is_empty() {
            true => Ok(Box::new(Mute)),
            false => Simulator::start(&self.conformance.simulator, &self.folder)
                .map(|simulator| Box::new(simulator) as Box<dyn Device>)
                .map_err(Trouble::Check),
        }
    }

    /// Whether there is something that acts as the device would.
    pub(crate) fn has_device(&self) -> bool {
        !self.conformance.simulator.is_empty()
            || !self.conformance.simulate.is_empty()
            || self.manifest.simulated
    }

    /// Whether the author has a simulator, a program of its own.
    pub(crate) fn has_simulator(&self) -> bool {
        !self.conformance.simulator.is_empty()
    }

    /// Whether the author's line can bear that fault by its nature.
    pub(crate) fn bears(&self, fault: &str) -> bool {
        !self.conformance.noise.contains_key(fault)
    }

    /// Whether it gives money back without an earlier payment.
    pub(crate) fn can_refund_alone(&self) -> bool {
        let terminal = self.manifest.terminal.as_ref();
        terminal.is_some_and(|terminal| terminal.can.contains(&Ability::RefundUnreferenced))
    }

    /// The simulator's name for a situation.
    pub(crate) fn scenario(&self, situation: &str) -> Option<&str> {
        let name = self.conformance.scenarios.get(situation);
        name.filter(|_| !self.conformance.simulator.is_empty())
            .map(String::as_str)
    }

    /// Whether the author says how that situation comes about.
    pub(crate) fn knows(&self, situation: &str) -> bool {
        self.scenario(situation).is_some() || self.conformance.simulate.contains_key(situation)
    }

    /// What people do in that situation.
    pub(crate) fn people(&self, situation: &str) -> Vec<Value> {
        let people = self.conformance.simulate.get(situation);
        people.cloned().unwrap_or_default()
    }

    /// The author's members laid over a request.
    pub(crate) fn request(&self, method: &str, mut request: Value) -> Value {
        if let Some(own) = self.conformance.requests.get(method) {
            lay_over(&mut request, own);
        }
        request
    }

    /// The author's file of that kind.
    ///
    /// # Errors
    ///
    /// Fails with a sentence where it cannot be read.
    pub(crate) fn update_file(&self, kind: UpdateKind) -> Result<Option<Vec<u8>>, String> {
        match self.conformance.update.get(&kind) {
            None => Ok(None),
            Some(NewFile::Text(text)) => Ok(Some(text.clone().into_bytes())),
            Some(NewFile::File(name)) => {
                let path = self.folder.join(name);
                let read = std::fs::read(&path);
                let failed = |error| format!("cannot read {}: {error}", path.display());
                read.map(Some).map_err(failed)
            }
        }
    }

    /// Why a row is left out.
    pub(crate) fn left_out(&self, row: &str) -> Option<&str> {
        self.conformance.skip.get(row).map(String::as_str)
    }

    pub(crate) fn is_gateway(&self) -> bool {
        self.manifest.kind == Kind::Gateway
    }
}

/// A copy that nobody can change any more.
#[cfg(target_os = "linux")]
fn sealed(mut library: File) -> std::io::Result<OwnedFd> {
    let mut copy = payhal_ipc::fresh_memory("plugin")?;
    std::io::copy(&mut library, &mut copy)?;
    payhal_ipc::seal_memory(copy)
}

/// Elsewhere no memory can be sealed.
#[cfg(not(target_os = "linux"))]
fn sealed(library: File) -> std::io::Result<OwnedFd> {
    Ok(library.into())
}

fn lay_over(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_authors_members_replace_those_of_the_same_name() {
        let mut request = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        lay_over(
            &mut request,
            &json!({ "a": { "b": 9 }, "d": [], "e": true }),
        );
        assert_eq!(
            request,
            json!({ "a": { "b": 9, "c": 2 }, "d": [], "e": true })
        );
    }

    #[test]
    fn an_unknown_member_of_the_file_is_an_error() {
        assert!(toml::from_str::<Conformance>("simulater = []").is_err());
    }
}
