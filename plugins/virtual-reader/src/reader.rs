// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reader as the SDK sees it: one file for each command, what lies between commands here.

use crate::action::At;
use crate::chip::Chip;
use crate::config::Config;
use crate::flash::Flash;
use crate::present::application_of;
use crate::screen::Screen;
use crate::sealing::Sealing;
use crate::state::Shared;
use crate::{apdu, authorize_card, complete, confirm_currency, present, settings};
use payhal_card_data::{MemoryProtection, TestCard, memory_protection};
use payhal_messages::call::Refusal;
use payhal_messages::card::Entry;
use payhal_messages::currency::{ConfirmCurrency, CurrencyChoice};
use payhal_messages::device::{Apdu, ApduReply, DeviceSettings};
use payhal_messages::emv::{EmvApplication, EmvParameters};
use payhal_messages::money::Purpose;
use payhal_messages::reader::{
    AuthorizeCard, CardRead, Complete, CompletionRead, Identity, LoadParameters, Present,
    Presentation, Show,
};
use payhal_messages::update::{UpdateBegin, UpdateBegun, UpdatePiece};
use payhal_plugin::{Context, Level, Outcome, PluginError, Reader, Simulated};
use std::sync::Arc;

/// One virtual reader.
pub(crate) struct VirtualReader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) flash: Flash,
    /// The card between `present` and `complete`.
    pub(crate) held: Option<Held>,
    /// Its chip, between its two cryptograms.
    pub(crate) chip: Option<Chip>,
    pub(crate) sealing: Sealing,
    pub(crate) former: Former,
    /// Reads so far, the application transaction counter of every card.
    pub(crate) reads: u16,
    /// What it accepts, where its gateway says it.
    pub(crate) accepted: Option<EmvParameters>,
}

/// A card that was presented.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) presentation_id: String,
    pub(crate) card: &'static TestCard,
    pub(crate) entry: Entry,
    /// Label and identifier of the application, if it has any.
    pub(crate) application: Option<(&'static str, &'static str)>,
    /// What the card was presented for.
    pub(crate) purpose: Purpose,
}

/// Former answers, for the fault that repeats them.
#[derive(Default)]
pub(crate) struct Former {
    pub(crate) presentation_id: Option<String>,
    pub(crate) read: Option<CardRead>,
    pub(crate) completion: Option<CompletionRead>,
}

impl VirtualReader {
    /// The door for people and tests.
    pub(crate) fn simulator(&self) -> Arc<dyn Simulated> {
        self.shared.clone()
    }

    /// The held card of that presentation, if it is still there.
    pub(crate) fn held(&self, presentation_id: &str) -> Option<Held> {
        let held = self.held.as_ref()?;
        let there = held.entry != Entry::Chip || self.shared.lock().placed.is_some();
        (held.presentation_id == presentation_id && there).then(|| held.clone())
    }

    /// What the set says about the application of that card.
    pub(crate) fn application(&self, held: &Held) -> Option<&EmvApplication> {
        let (_, aid) = held.application?;
        application_of(self.accepted.as_ref()?, aid)
    }

    /// Shows how a call ended; a card is held on only if it went well.
    fn ended<T>(&mut self, outcome: Outcome<T>) -> Outcome<T> {
        self.shared.show_ending(&outcome);
        if !matches!(outcome, Ok(Ok(_))) {
            self.held = None;
            self.chip = None;
        }
        outcome
    }
}

impl Reader for VirtualReader {
    type Config = Config;

    fn open(config: Config, context: &Context) -> Result<Self, PluginError> {
        let plan = config
            .plan()
            .map_err(|flaw| PluginError::not_sent(format!("use the configuration: {flaw}")))?;
        warn_of_memory(memory_protection(), context);
        Ok(Self {
            sealing: Sealing::open(plan.sealing, context)?,
            shared: Arc::new(Shared::new(plan, context)),
            flash: Flash::new(context.state_dir()),
            held: None,
            chip: None,
            former: Former::default(),
            reads: 0,
            accepted: None,
        })
    }

    fn identify(&mut self, context: &Context) -> Outcome<Identity> {
        self.shared.check_attached()?;
        Ok(Ok(Identity {
            sealing: Some(self.sealing.told()),
            model: "payhal virtual reader".to_owned(),
            serial_number: Some(format!("VR-{}", context.instance_name())),
            firmware: Some(self.flash.firmware()?),
            incomplete: self.flash.incomplete()?,
        }))
    }

    fn load_parameters(&mut self, request: LoadParameters, context: &Context) -> Outcome<()> {
        self.shared.enter(At::LoadParameters, context)?;
        match request.emv() {
            Ok(set) if set.applications.is_empty() => Ok(Err(Refusal {
                code: "no_applications".to_owned(),
                text: "the set accepts no application at all".to_owned(),
            })),
            Ok(set) => {
                self.accepted = Some(set);
                Ok(Ok(()))
            }
            Err(flaw) => Ok(Err(Refusal {
                code: "malformed".to_owned(),
                text: format!("the set is malformed: {flaw}"),
            })),
        }
    }

    fn present(&mut self, request: Present, context: &Context) -> Outcome<Presentation> {
        let outcome = present::present(self, &request, context);
        self.ended(outcome)
    }

    fn confirm_currency(
        &mut self,
        request: ConfirmCurrency,
        context: &Context,
    ) -> Outcome<CurrencyChoice> {
        let outcome = confirm_currency::confirm_currency(self, &request, context);
        match outcome {
            // The people at the till are asked; the card stays.
            Err(PluginError::Unsupported) => outcome,
            _ => self.ended(outcome),
        }
    }

    fn authorize_card(&mut self, request: AuthorizeCard, context: &Context) -> Outcome<CardRead> {
        let outcome = authorize_card::authorize_card(self, &request, context);
        self.ended(outcome)
    }

    fn complete(&mut self, request: Complete, context: &Context) -> Outcome<CompletionRead> {
        let outcome = complete::complete(self, &request, context);
        let outcome = self.ended(outcome);
        self.held = None;
        self.chip = None;
        let mut state = self.shared.lock();
        // Only a card in the slot is still there.
        state.placed = state.placed.filter(|placed| placed.entry == Entry::Chip);
        drop(state);
        outcome
    }

    fn show(&mut self, request: Show, _: &Context) -> Outcome<()> {
        self.shared.check_attached()?;
        let mut lines = request.lines;
        if request.beep && lines.is_empty() {
            lines = vec![String::new(), "*** I am here ***".to_owned()];
        }
        self.shared.show(Screen::of(&lines));
        Ok(Ok(()))
    }

    fn settings(&mut self, _: &Context) -> Outcome<DeviceSettings> {
        self.shared.check_attached()?;
        Ok(Ok(settings::settings(self)?))
    }

    fn apdu(&mut self, request: Apdu, context: &Context) -> Outcome<ApduReply> {
        let outcome = apdu::apdu(self, &request, context);
        if request.presentation_id.is_some() && outcome.is_ok() {
            // The card stays presented, whatever came of the talk.
            return outcome;
        }
        self.ended(outcome)
    }

    fn update_begin(&mut self, file: UpdateBegin, context: &Context) -> Outcome<UpdateBegun> {
        self.shared.enter(At::UpdateBegin, context)?;
        self.shared.show(Screen::of(&["", "Updating"]));
        self.flash.begin(file)
    }

    fn update_piece(&mut self, piece: UpdatePiece, context: &Context) -> Outcome<()> {
        self.shared.enter(At::UpdatePiece, context)?;
        self.flash.piece(&piece)
    }

    fn update_finish(&mut self, file: UpdateBegin, context: &Context) -> Outcome<()> {
        let shared = &self.shared;
        let outcome = self
            .flash
            .finish(&file, || shared.enter(At::UpdateFinish, context));
        self.shared.show(Screen::idle());
        outcome
    }

    fn close(&mut self, _: &Context) {
        self.shared.close();
    }
}

/// Says what the system refuses the memory of card data.
pub(crate) fn warn_of_memory(granted: MemoryProtection, context: &Context) {
    if !granted.locked {
        context.log(
            Level::Warn,
            "the system locks no memory for card data: it may be written to the swap device; raise \
             the limit for locked memory (ulimit -l, LimitMEMLOCK)",
        );
    }
    if !granted.out_of_dumps {
        context.log(
            Level::Warn,
            "the system keeps no memory out of core dumps: turn them off for this user",
        );
    }
}
