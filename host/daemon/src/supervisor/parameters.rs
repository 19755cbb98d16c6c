// SPDX-License-Identifier: MIT OR Apache-2.0
//! EMV parameters on their way from gateways to readers: which set a reader is to have.
//!
//! A reader holds one set at a time: that of the default gateway, or of the only one that has any.
//! Where no gateway is the default, one that has not opened yet keeps no reader waiting that another
//! has a set for: it is given the set that there is, and another one, should that follow.
//! It must never look into a set beyond its form, and never decides when a reader may take it.

use payhal_messages::gateway::Parameters;
use payhal_messages::reader::LoadParameters;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// What a set is known by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ParameterSet {
    /// Its name.
    pub(crate) set: String,
    /// Its version.
    pub(crate) version: String,
}

impl ParameterSet {
    pub(super) fn of(load: &LoadParameters) -> Self {
        Self {
            set: load.set.clone(),
            version: load.version.clone(),
        }
    }
}

impl std::fmt::Display for ParameterSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.set, self.version)
    }
}

/// What a gateway said of parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// Nothing yet.
    NotYet,
    /// Readers keep their own.
    None,
    /// A set.
    Set(Arc<LoadParameters>),
    /// A set that cannot be meant, and why.
    Flawed(String),
}

/// What a reader is to have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// What it has of its own.
    Own,
    /// This set.
    Set(Arc<LoadParameters>),
    /// That is not known yet, or cannot be; why.
    Unknown(String),
}

/// What every gateway said.
#[derive(Debug)]
pub(super) struct ParameterSets {
    /// The default gateway.
    preferred: Option<String>,
    said: watch::Sender<BTreeMap<String, Said>>,
}

impl ParameterSets {
    pub(super) fn new(preferred: Option<String>) -> Self {
        Self {
            preferred,
            said: watch::Sender::default(),
        }
    }

    /// There is this gateway; what it says is still to come.
    pub(super) fn expect(&self, gateway: &str) {
        self.say(gateway, |before| {
            before.is_none().then_some(Some(Said::NotYet))
        });
    }

    /// This gateway opened.
    pub(super) fn opened(&self, gateway: &str, opened: &Parameters) {
        let now = match &opened.reader_parameters {
            None => Said::None,
            Some(load) => match load.emv() {
                Ok(_) => Said::Set(Arc::new(load.clone())),
                Err(why) => Said::Flawed(why),
            },
        };
        self.say(gateway, |before| {
            (before != Some(&now)).then_some(Some(now))
        });
    }

    /// This gateway is no more.
    pub(super) fn forget(&self, gateway: &str) {
        self.say(gateway, |before| before.is_some().then_some(None));
    }

    /// Whoever waits is woken only by what is new.
    fn say(&self, gateway: &str, new: impl FnOnce(Option<&Said>) -> Option<Option<Said>>) {
        self.said.send_if_modified(|said| {
            let Some(new) = new(said.get(gateway)) else {
                return false;
            };
            match new {
                Some(new) => said.insert(gateway.to_owned(), new),
                None => said.remove(gateway),
            };
            true
        });
    }

    /// Tells whenever [`Self::wanted`] may be another, or a reader may be ready for it.
    pub(super) fn changes(&self) -> watch::Receiver<BTreeMap<String, Said>> {
        self.said.subscribe()
    }

    /// A reader that was not there is.
    pub(super) fn look_again(&self) {
        self.said.send_modify(|_| {});
    }

    /// What a reader is to have now.
    pub(super) fn wanted(&self) -> Wanted {
        let said = self.said.borrow();
        let preferred = self.preferred.as_ref();
        match preferred.and_then(|name| said.get_key_value(name)) {
            Some((_, Said::None)) | None => {}
            Some((name, said)) => return wanted_of(name, said),
        }
        let known = |said: &Said| !matches!(said, Said::None | Said::NotYet);
        let mut sets = said.iter().filter(|(_, said)| known(said));
        let Some((name, first)) = sets.next() else {
            let mut silent = said.iter().filter(|(_, said)| **said == Said::NotYet);
            let silent = silent.next();
            return silent.map_or(Wanted::Own, |(name, said)| wanted_of(name, said));
        };
        match sets.find(|(_, said)| *said != first) {
            None => wanted_of(name, first),
            Some((other, _)) => Wanted::Unknown(format!(
                "the gateways `{name}` and `{other}` may have EMV parameters for it, and they \
                 differ; say in host.default_gateway whose it takes"
            )),
        }
    }
}

fn wanted_of(gateway: &str, said: &Said) -> Wanted {
    match said {
        Said::None => Wanted::Own,
        Said::Set(set) => Wanted::Set(Arc::clone(set)),
        Said::NotYet => Wanted::Unknown(format!(
            "it waits for the EMV parameters of the gateway `{gateway}`, which is not up yet"
        )),
        Said::Flawed(why) => Wanted::Unknown(format!(
            "the EMV parameters of the gateway `{gateway}` cannot be meant: {why}; its plugin \
             needs an update"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payhal_messages::card::Recipient;
    use serde_json::json;

    fn opened(version: Option<&str>) -> Parameters {
        Parameters {
            name: "Bank".to_owned(),
            currencies: Vec::new(),
            recipient: Recipient {
                gateway: "bank".to_owned(),
                key_id: "1".to_owned(),
                public_key: Vec::new(),
                certificates: Vec::new(),
            },
            opens: Vec::new(),
            live: false,
            reader_parameters: version.map(|version| LoadParameters {
                set: "bank".to_owned(),
                version: version.to_owned(),
                parameters: json!({"applications": [{"aid": "A0000000031010"}]}),
            }),
            settings: None,
        }
    }

    #[track_caller]
    fn version(sets: &ParameterSets) -> String {
        match sets.wanted() {
            Wanted::Set(set) => set.version.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn why(sets: &ParameterSets) -> String {
        match sets.wanted() {
            Wanted::Unknown(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reader_waits_until_its_gateway_has_opened() {
        let sets = ParameterSets::new(None);
        assert_eq!(sets.wanted(), Wanted::Own);
        sets.expect("bank");
        assert!(why(&sets).contains("`bank`"));
        sets.opened("bank", &opened(Some("1")));
        assert_eq!(version(&sets), "1");
        // Its runner starts anew: what it said stands until it says something else.
        sets.expect("bank");
        assert_eq!(version(&sets), "1");
        sets.opened("bank", &opened(None));
        assert_eq!(sets.wanted(), Wanted::Own);
    }

    #[test]
    fn the_default_gateway_goes_first() {
        let sets = ParameterSets::new(Some("bank".to_owned()));
        sets.opened("amex", &opened(Some("7")));
        sets.expect("bank");
        assert!(why(&sets).contains("`bank`"));
        sets.opened("bank", &opened(Some("1")));
        assert_eq!(version(&sets), "1");
        // It has none: those of another do.
        sets.opened("bank", &opened(None));
        assert_eq!(version(&sets), "7");
    }

    #[test]
    fn sets_that_differ_are_nobodys_choice() {
        let sets = ParameterSets::new(None);
        sets.opened("a", &opened(Some("1")));
        sets.opened("b", &opened(Some("1")));
        assert_eq!(version(&sets), "1");
        sets.opened("b", &opened(Some("2")));
        assert!(why(&sets).contains("host.default_gateway"));
        sets.forget("b");
        assert_eq!(version(&sets), "1");
    }

    #[test]
    fn a_gateway_that_is_not_up_keeps_no_reader_from_another() {
        let sets = ParameterSets::new(None);
        sets.expect("a");
        sets.expect("b");
        assert!(why(&sets).contains("not up yet"));
        sets.opened("b", &opened(Some("2")));
        assert_eq!(version(&sets), "2");
        // What it says then counts.
        sets.opened("a", &opened(Some("1")));
        assert!(why(&sets).contains("host.default_gateway"));
        sets.opened("a", &opened(None));
        assert_eq!(version(&sets), "2");
    }

    #[test]
    fn a_set_that_cannot_be_meant_reaches_no_reader() {
        let sets = ParameterSets::new(None);
        let mut flawed = opened(Some("1"));
        let set = flawed.reader_parameters.as_mut().unwrap();
        set.parameters = json!({"applications": [{"aid": "visa"}]});
        sets.opened("bank", &flawed);
        assert!(why(&sets).contains("applications[0].aid"));
    }

    #[test]
    fn only_what_is_new_wakes_anybody() {
        let sets = ParameterSets::new(None);
        let mut changes = sets.changes();
        sets.opened("bank", &opened(Some("1")));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        sets.opened("bank", &opened(Some("1")));
        sets.expect("bank");
        assert!(!changes.has_changed().unwrap());
        sets.opened("bank", &opened(Some("2")));
        assert!(changes.has_changed().unwrap());
    }
}
