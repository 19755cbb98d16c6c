// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a command went, by the pinpad's own account.
//!
//! Owns the codes, what kind of thing each is, and a sentence for whoever stands there. Must never
//! guess what an unknown code means: it is the device's trouble.

/// What a status means for whoever sent the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It was done.
    Done,
    /// Somebody pressed a key that is an answer.
    Key,
    /// The card holder cancelled.
    Cancelled,
    /// Nobody did anything in time.
    TimedOut,
    /// No card is there.
    NoCard,
    /// The card was not read; trying again may help.
    ReadAgain,
    /// The chip failed in a way that lets its stripe be read.
    Fallback,
    /// The card does not do what was asked, and will not.
    CardUnusable,
    /// Somebody barred the card.
    CardBlocked,
    /// The card holder must do something on the phone, and tap again.
    SeeDevice,
    /// The card wants to be inserted or swiped instead.
    OtherInterface,
    /// The tables in the pinpad are not the ones that were expected.
    Tables,
    /// The key that was named is not in the pinpad.
    KeyMissing,
    /// The pinpad takes no PIN for a while.
    PinBusy,
    /// The session is not as it should be: open it again.
    Session,
    /// The plugin asked for something that cannot be asked so.
    Request,
    /// The pinpad is in trouble.
    Device,
}

/// A status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(u16);

macro_rules! statuses {
    ($($name:ident $code:literal $class:ident $sentence:literal;)*) => {
        impl Status {
            $(pub(crate) const $name: Self = Self($code);)*
        }
        const KNOWN: &[(Status, &str, Class, &str)] =
            &[$((Status::$name, stringify!($name), Class::$class, $sentence)),*];
    };
}

statuses! {
    OK 0 Done "Done.";
    NOSEC 3 Session "The pinpad has lost its secure session.";
    F1 4 Key "A function key was pressed.";
    F2 5 Key "A function key was pressed.";
    F3 6 Key "A function key was pressed.";
    F4 7 Key "A function key was pressed.";
    BACKSP 8 Key "The clear key was pressed.";
    ERRPKTSEC 9 Session "The pinpad could not open what was sent to it.";
    INVCALL 10 Session "The pinpad was not ready for this command.";
    INVPARM 11 Request "The pinpad does not take a parameter.";
    TIMEOUT 12 TimedOut "Nobody did anything in time.";
    CANCEL 13 Cancelled "Cancelled on the pinpad.";
    MANDAT 19 Request "The pinpad misses a parameter.";
    TABVERDIF 20 Tables "The pinpad has other card tables than expected.";
    TABERR 21 Tables "The pinpad cannot store the card tables.";
    INTERR 40 Device "The pinpad has an internal error.";
    MCDATAERR 41 ReadAgain "The stripe cannot be read. Please swipe again.";
    ERRKEY 42 KeyMissing "The pinpad has no key in the slot that is configured.";
    NOCARD 43 NoCard "No card is there.";
    PINBUSY 44 PinBusy "The pinpad takes no PIN for a while. Please wait a moment.";
    RSPOVRFL 45 Request "The pinpad has more to say than fits an answer.";
    ERRCRYPT 46 Device "The pinpad could not encrypt.";
    NOSAM 51 Device "The pinpad misses its security module.";
    DUMBCARD 60 ReadAgain "The chip does not answer. Please insert the card again.";
    ERRCARD 61 ReadAgain "The card was removed, or cannot be read.";
    CARDINVALIDAT 67 CardBlocked "The card has been invalidated.";
    CARDPROBLEMS 68 CardUnusable "The chip does not work as it should.";
    CARDINVDATA 69 CardUnusable "The chip holds invalid entries.";
    CARDAPPNAV 70 CardUnusable "The card has no application that is accepted here.";
    CARDAPPNAUT 71 CardUnusable "The card cannot be used for this.";
    ERRFALLBACK 76 Fallback "The chip cannot be read. Please swipe the card.";
    INVAMOUNT 77 Request "The pinpad does not take this amount.";
    ERRMAXAID 78 CardUnusable "The card has too many applications.";
    CARDBLOCKED 79 CardBlocked "The card is blocked.";
    CTLSMULTIPLE 80 ReadAgain "More than one card was held there. Please show only one.";
    CTLSCOMMERR 81 ReadAgain "The card was taken away too early. Please hold it there again.";
    CTLSINVALIDAT 82 CardBlocked "The card has been invalidated.";
    CTLSPROBLEMS 83 CardUnusable "The card does not work as it should.";
    CTLSAPPNAV 84 CardUnusable "The card has no application that is accepted here.";
    CTLSAPPNAUT 85 CardUnusable "The card cannot be used for this.";
    CTLSEXTCVM 86 SeeDevice "Please confirm on the phone, then hold it there again.";
    CTLSIFCHG 87 OtherInterface "Please insert or swipe the card.";
    MFNFOUND 100 Request "The pinpad does not have this file.";
    MFERRFMT 101 Request "The pinpad does not take a file of this kind.";
    MFERR 102 Device "The pinpad could not load the file.";
}

impl Status {
    pub(crate) const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The code on the wire.
    pub(crate) const fn code(self) -> u16 {
        self.0
    }

    fn known(self) -> Option<&'static (Self, &'static str, Class, &'static str)> {
        KNOWN.iter().find(|(status, ..)| *status == self)
    }

    pub(crate) fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// The protocol's name of it.
    pub(crate) fn name(self) -> &'static str {
        self.known().map_or("unknown", |&(_, name, ..)| name)
    }

    /// What it means for whoever sent the command.
    pub(crate) fn class(self) -> Class {
        self.known()
            .map_or(Class::Device, |&(_, _, class, _)| class)
    }

    /// A sentence for the cashier.
    pub(crate) fn sentence(self) -> &'static str {
        self.known().map_or(
            "The pinpad reports something it should not.",
            |&(.., sentence)| sentence,
        )
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:03} {}", self.0, self.name())
    }
}
