// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be said on the command line. It must never do anything.

use super::access_args::{ConsoleArgs, PairArgs, RegistersArgs};
use super::list_args::TransactionsArgs;
use super::payment_args::{BatchCommand, PayCommand, RefundArgs, ResolveArgs, SaleArgs, VoidArgs};
use super::tls::TlsCommand;
use super::tokens::TokenCommand;
use crate::access::Mode;
use crate::config::Overrides;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Payment hardware abstraction layer: one host between registers, card readers and gateways.
#[derive(Debug, Parser)]
#[command(name = "payhal", version, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the host
    Serve(HostArgs),
    /// Run the host with a simulated device and gateway, and one sale on it
    Demo(DemoArgs),
    /// List the devices
    Devices(ListArgs),
    /// Add, change, remove or record one device while the host runs
    Device {
        #[command(subcommand)]
        command: super::device::DeviceCommand,
    },
    /// List the gateways
    Gateways(ListArgs),
    /// Add, change or remove one gateway while the host runs
    Gateway {
        #[command(subcommand)]
        command: super::gateway::GatewayCommand,
    },
    /// Work out what a sale would cost, with tax, tip, surcharge and cash
    Quote(super::gateway::QuoteArgs),
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: super::config::ConfigCommand,
    },
    /// Any kind of payment: sale, authorize, capture, refund, void and others
    Pay {
        #[command(subcommand)]
        command: PayCommand,
    },
    /// Charge a card: `pay sale`
    Sale(Box<SaleArgs>),
    /// Give money back, all of a sale or a part: `pay refund`
    Refund(RefundArgs),
    /// Take a transaction back before the day's totals: `pay void`
    Void(VoidArgs),
    /// Look at the totals of the batch, or close it
    Batch {
        #[command(subcommand)]
        command: BatchCommand,
    },
    /// Keep cards as payment tokens, and look at those that are kept
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Settle an unknown outcome by a person's word
    Resolve(ResolveArgs),
    /// Stop what is still running
    Cancel(NamedArgs),
    /// Show one transaction with what happened
    Get(NamedArgs),
    /// List transactions, newest first
    List(TransactionsArgs),
    /// Print a receipt
    Receipt(ReceiptArgs),
    /// Act at a simulated reader or terminal as a person would
    Reader(ReaderArgs),
    /// Let a register in: compare its number with the one it shows
    Pair(PairArgs),
    /// List the paired registers, say what each may do, unpair them
    Registers(RegistersArgs),
    /// Open the console as the operator
    Console(ConsoleArgs),
    /// Look at the host and say what is well and what is not: exit code 0, 1 with warnings, 2 if
    /// something fails
    Doctor(DoctorArgs),
    /// Show what was done to the host and by whom, newest first
    Audit(AuditArgs),
    /// Look at the installed plugins
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Certificates: let this machine's programs trust them, or no longer
    Tls {
        #[command(subcommand)]
        command: TlsCommand,
    },
    /// Keys of simulated readers and of the sandbox gateway; `payhal keys --help`
    #[command(disable_help_flag = true)]
    Keys(KeysArgs),
    /// Be a device that is not there, for tests: `payhal simulate`, then NAME and `--help`
    ///
    /// Becomes the program payhal-simulate-NAME beside payhal. Without a name: which there are.
    #[command(disable_help_flag = true)]
    Simulate(SimulateArgs),
    /// Look into the journal, with the host running or not, and keep it over the years
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
}

/// Which simulator.
#[derive(Args, Debug)]
pub(super) struct SimulateArgs {
    /// Name of the simulator, and words for it, such as `--help`
    #[arg(
        value_name = "NAME",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) words: Vec<OsString>,
}

/// Where configuration, state and plugins are.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PlaceArgs {
    /// Configuration file [default: payhal.toml in the state folder, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// State folder: journal, instances, socket [default: $XDG_STATE_HOME/payhal or ~/.local/state/payhal]
    #[arg(long, value_name = "FOLDER")]
    pub(super) state: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct KeysArgs {
    /// For `payhal-keys`, which lies beside payhal
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) words: Vec<OsString>,
}

#[derive(Args, Clone, Debug, Default)]
pub(super) struct HostArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Loopback address and port of the register API [default: 127.0.0.1:7425]; port 0 takes any
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<SocketAddr>,
    /// Loopback address and port with TLS [default: the port after that of --listen]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) tls_listen: Option<SocketAddr>,
    /// Folder of plugin folders; may be given several times
    #[arg(long, value_name = "FOLDER")]
    pub(super) plugins: Vec<PathBuf>,
    /// For authors of plugins: run plugins too that no trusted key has signed
    #[arg(long)]
    pub(super) allow_unsigned: bool,
    /// The program that holds one plugin [default: payhal-plugin-runner beside payhal]
    #[arg(long, value_name = "FILE")]
    pub(super) runner: Option<PathBuf>,
    /// Where access is open: origin of a web page that may connect; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub(super) allow_origin: Vec<String>,
    /// For tests: `open` lets every program of this machine charge cards without proof
    #[arg(long, value_name = "MODE", hide = true, default_value = "paired")]
    pub(super) access: AccessMode,
}

/// Whether registers have to be paired.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum AccessMode {
    #[default]
    Paired,
    Open,
}

impl PlaceArgs {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            state: self.state.clone(),
            ..Overrides::default()
        }
    }
}

impl HostArgs {
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen,
            tls_listen: self.tls_listen,
            plugins: self.plugins.clone(),
            allow_unsigned: self.allow_unsigned,
            runner: self.runner.clone(),
            allow_origins: self.allow_origin.clone(),
            access: match self.access {
                AccessMode::Paired => Mode::Paired,
                AccessMode::Open => Mode::Open,
            },
            ..self.place.overrides()
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    pub(super) host: HostArgs,
    /// End after the sale: exit code 0 if it was approved
    #[arg(long)]
    pub(super) once: bool,
    /// No sale: only the host, ready to be used
    #[arg(long, conflicts_with = "once")]
    pub(super) serve_only: bool,
}

/// Which host a command talks to.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ClientArgs {
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Address of the host instead of its Unix socket, as ws://127.0.0.1:7425/v1/ws
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Act as this register; keys belong to it
    #[arg(long, value_name = "ID", default_value = "payhal-cli")]
    pub(super) register: String,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Args, Debug)]
pub(super) struct NamedArgs {
    /// The transaction, or the key of this register's call
    #[arg(value_name = "TRANSACTION|KEY")]
    pub(super) name: String,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReceiptArgs {
    /// The transaction
    pub(super) transaction: String,
    /// Whose copy
    #[arg(long, value_enum, default_value_t = Copy::Customer)]
    pub(super) copy: Copy,
    /// In which form
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Columns of the paper: 24, 32, 40 or 48 [default: the host's]
    #[arg(long, value_name = "N")]
    pub(super) columns: Option<u32>,
    /// Not marked as a duplicate
    #[arg(long)]
    pub(super) first: bool,
    #[command(flatten)]
    pub(super) client: ClientArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Copy {
    Merchant,
    Customer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
    Html,
}

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct AuditArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    /// How many entries, 1 to 100
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) limit: u32,
    /// Only entries older than the one with this number
    #[arg(long, value_name = "N")]
    pub(super) before: Option<u64>,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReaderArgs {
    #[command(subcommand)]
    pub(super) action: ReaderAction,
    /// The simulated device; needed where there are several
    #[arg(long, global = true)]
    pub(super) device: Option<String>,
    /// The answer as one line of JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Address of the host instead of its Unix socket, as ws://127.0.0.1:7425/v1/ws
    #[arg(long, value_name = "URL", global = true)]
    pub(super) url: Option<String>,
    /// State folder of the host
    #[arg(long, value_name = "FOLDER", global = true)]
    pub(super) state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ReaderAction {
    /// Hold a card to the reader
    Tap(OfferArgs),
    /// Put a card into the slot
    Insert(OfferArgs),
    /// Pull a card through the stripe reader
    Swipe(OfferArgs),
    /// Type a card's number on the keypad
    KeyIn(OfferArgs),
    /// List the test cards
    Cards,
    /// Take the card out of the slot
    Remove,
    /// Press keys: digits, # for OK, * for cancel, < for clear
    Keys { keys: String },
    /// Choose an application of the card
    Select {
        /// Its place in the list, from 0
        index: usize,
    },
    /// Show the display and what the reader waits for
    Screen,
    /// Plug the cable in again
    Plug,
    /// Undo faults, keys, cards and the pulled cable
    Reset,
    /// Any other action of the device, as its README has it: do offline on=true floor_minor=5000
    Do {
        action: String,
        /// Its arguments; a value is JSON, or else text
        #[arg(value_name = "NAME=VALUE")]
        arguments: Vec<String>,
    },
    /// Plan a fault: crash, exit, panic, hang, slow, unplug, garble, duplicate, flood, print, leak;
    /// at a terminal also lose-answer, not-sent and others of its README
    Fault {
        kind: String,
        /// When: now; at a reader present, authorize-card, complete; at a terminal pay, pay-answer,
        /// inquire and others
        #[arg(long, value_name = "STEP")]
        at: Option<String>,
        /// How often
        #[arg(long)]
        count: Option<u32>,
        /// How long a slow step takes
        #[arg(long, value_name = "N")]
        delay_ms: Option<u64>,
    },
}

#[derive(Args, Debug)]
pub(super) struct OfferArgs {
    /// A test card by its name, as visa-approve; `payhal reader cards` lists them
    pub(super) card: String,
    /// How long to hold it there until a read starts
    #[arg(long, value_name = "N")]
    pub(super) wait_ms: Option<u64>,
}

#[derive(Args, Debug)]
pub(super) struct KitArgs {
    /// For `payhal-kit`, which lies beside payhal
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) words: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct InstallArgs {
    /// The plugin folder: plugin.toml, its signature, its library
    pub(super) folder: PathBuf,
    /// Take exactly these files although nobody has signed them whom this host trusts
    #[arg(long)]
    pub(super) allow_unsigned: bool,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct PluginArgs {
    /// The plugin's id, as `payhal plugin list` shows it
    pub(super) plugin: String,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct TrustArgs {
    /// A public key of minisign that begins with RW, or its file
    #[arg(value_name = "KEY|FILE")]
    pub(super) key: String,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Args, Debug)]
pub(super) struct UntrustArgs {
    /// Its id, as `payhal plugin keys` shows it
    pub(super) key_id: String,
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Tell what a plugin may touch, and why
    Explain(PluginArgs),
    /// Install a plugin folder, or a newer version of one, while the host runs
    Install(InstallArgs),
    /// Switch a plugin off: its devices and gateways rest
    Disable(PluginArgs),
    /// Switch a plugin on again
    Enable(PluginArgs),
    /// Go back to the version before
    Rollback(PluginArgs),
    /// Remove an installed plugin that nothing uses
    Remove(PluginArgs),
    /// Run plugins that this key signs
    Trust(TrustArgs),
    /// Run them no longer
    Untrust(UntrustArgs),
    /// List the keys whose signatures count
    Keys {
        /// The answer as one line of JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: PlaceArgs,
    },
    /// For authors: make the folder of a new plugin; `payhal plugin new --help`
    #[command(disable_help_flag = true)]
    New(KitArgs),
    /// For authors: prove a plugin; `payhal plugin check --help`
    #[command(disable_help_flag = true)]
    Check(KitArgs),
    /// For authors: sign a plugin folder; `payhal plugin sign --help`
    #[command(disable_help_flag = true)]
    Sign(KitArgs),
    /// For authors: be the example device; `payhal plugin play --help`
    #[command(disable_help_flag = true)]
    Play(KitArgs),
    /// List the installed plugins, and those that are broken
    List {
        /// The answer as one line of JSON
        #[arg(long)]
        json: bool,
        /// Folder of plugin folders; may be given several times
        #[arg(long, value_name = "FOLDER")]
        plugins: Vec<PathBuf>,
        #[command(flatten)]
        place: PlaceArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Everything recorded of one transaction
    Show {
        transaction: String,
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Every transaction that has not come to rest, oldest first
    Open {
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Read all of it, and whether it is as it was written
    Verify {
        #[command(flatten)]
        journal: JournalArgs,
    },
    /// Copy all of it to one new file, with the host running or not
    Backup(BackupArgs),
    /// Write its transactions for other programs
    Export(ExportArgs),
    /// Drop what is old and at rest; the host must be stopped
    Prune(PruneArgs),
    /// Say that the state folder was moved here on purpose; the host must be stopped
    Adopt(AdoptArgs),
}

#[derive(Args, Debug)]
pub(super) struct BackupArgs {
    /// The file to make; it must not be there
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) journal: JournalArgs,
}

#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// What was done to the host, instead of its transactions
    #[arg(long)]
    pub(super) audit: bool,
    /// In which form
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(super) format: ExportFormat,
    /// Begun at or after this time, as 2026-11-21T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Begun before this time
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// The file to make [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) journal: JournalArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ExportFormat {
    /// One JSON object a line, with all records
    Jsonl,
    /// One line for each transaction, with a head
    Csv,
}

#[derive(Args, Debug)]
pub(super) struct PruneArgs {
    /// Days that a transaction stays after its last record
    #[arg(long, value_name = "DAYS", default_value_t = payhal_journal::limits::RETENTION_DAYS)]
    pub(super) older_than: u32,
    /// Days that the key of a dropped transaction keeps its answer
    #[arg(long, value_name = "DAYS", default_value_t = payhal_journal::limits::KEYS_RETENTION_DAYS)]
    pub(super) keys_older_than: u32,
    #[command(flatten)]
    pub(super) journal: JournalArgs,
}

#[derive(Args, Debug)]
pub(super) struct AdoptArgs {
    /// No other host uses this journal or a copy of it
    #[arg(long)]
    pub(super) only_copy: bool,
    #[command(flatten)]
    pub(super) journal: JournalArgs,
}

#[derive(Args, Debug)]
pub(super) struct JournalArgs {
    /// The answer as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    fn parse(line: &str) -> Command {
        let words = std::iter::once("payhal").chain(line.split_whitespace());
        Cli::try_parse_from(words)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
            .command
            .unwrap()
    }

    /// As the manual writes them.
    const LINES: &[&str] = &[
        "serve --config c.toml --state s --listen 127.0.0.1:0 --plugins a --plugins b --runner r",
        "demo --once --allow-origin https://shop.example",
        "demo --serve-only --listen 127.0.0.1:0 --state s",
        "devices --json",
        "gateways --url ws://127.0.0.1:1/v1/ws",
        "refund 0198 5.00 EUR --key k",
        "void 0198",
        "cancel 0198 --json",
        "get 0198",
        "list --open --json",
        "receipt 0198 --copy merchant --format html",
        "receipt 0198 --columns 24 --first",
        "pay sale 12.50 EUR --tip 1.00 --cashback 2.00 --surcharge 0.10 --amount-max 20.00",
        "pay sale 12.50 EUR --accept-partial --installments 3 --entry chip --entry contactless --online-always",
        "pay authorize 50.00 EUR --token tok --voice-code A1",
        "pay capture 0198 20.00 EUR --key k",
        "pay adjust 0198 60.00 EUR --tip 10.00",
        "pay refund 0198 5.00 EUR",
        "pay refund-unreferenced 5.00 EUR --device d",
        "pay refund-receipt 5.00 EUR --gateway g --rrn 0123 --at 2026-11-02T09:15:00Z --of 12.50",
        "pay void 0198",
        "pay undo 0198",
        "pay verify --device d",
        "pay balance",
        "pay cash-advance 40.00 EUR",
        "batch totals --gateway g --json",
        "batch close --device d --key k --despite 0198",
        "resolve 0198 --outcome approved --evidence text --operator Ann",
        "reader tap visa-approve --device r",
        "keys --help",
        "keys inject --device r --gateway g --slot main --state s",
        "keys --state s list --json",
        "reader --device r keys 1234#",
        "reader key-in visa-approve --wait-ms 100",
        "reader fault slow --at present --delay-ms 500",
        "plugin list --json",
        "device list --json --state s",
        "device show counter-1",
        "device set counter-2 --plugin beeper volume=3 deep.key=@file --unset old --port main=/dev/ttyUSB0",
        "device remove counter-2",
        "gateway set bank api_key=@key --network a:1 --merchant m --terminal t --allow-software-sealing false",
        "gateway list",
        "gateway log bank debug",
        "gateway set bank --mode live --log warn",
        "device log counter-1 error",
        "config check --json --config c.toml",
        "config route --amount 12.50 --currency EUR --scheme visa --register till-1 --json",
        "config route --range 411111 --country DE --gateway bank",
        "plugin new --kind reader --lang c acme-reader",
        "plugin check --json folder",
        "plugin play --help",
        "pair",
        "pair --json --state s",
        "pair --approve till-1 --number 123456 --allow others,batch-close --replace",
        "pair --refuse till-1",
        "registers --json",
        "registers list",
        "registers show till-1",
        "registers allow till-1 others,resolve",
        "registers allow till-1 --nothing",
        "registers limit till-1 --refund-max none",
        "registers unpair till-1 --state s",
        "registers rotate till-1",
        "console --print",
        "journal show 0198",
        "journal open --state s",
        "journal verify",
        "journal backup monday.backup --state s",
        "journal export --format csv --since 2026-11-21T12:00:00Z --out a.csv",
        "journal prune --older-than 548 --keys-older-than 3653",
        "journal adopt --only-copy --state s",
    ];

    #[test]
    fn what_the_manual_says_is_understood() {
        for line in LINES {
            parse(line);
        }
    }

    #[test]
    fn a_sale_takes_all_its_flags() {
        let line = "sale 12.50 EUR --device d --gateway g --reference r --key k --timeout 30 \
                    --despite a --despite b --json --register front";
        let Command::Sale(sale) = parse(line) else {
            panic!("not a sale");
        };
        assert_eq!(
            (sale.charge.amount.as_str(), sale.charge.currency.as_str()),
            ("12.50", "EUR")
        );
        assert_eq!(sale.charge.despite, ["a", "b"]);
        assert_eq!(sale.payment.timeout, Some(30));
        assert_eq!(sale.payment.client.register, "front");
        assert!(sale.payment.json);
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for line in [
            "sale 12.50",
            "pay capture 0198",
            "pay refund-receipt 5.00 EUR --gateway g --at t --of 1.00",
            "resolve 0198 --outcome unknown --evidence e",
            "demo --once --serve-only",
            "serve --listen nowhere",
            "pair --approve till-1",
            "pair --number 123456",
            "pair --refuse a --approve b --number 1",
            "registers allow till-1",
            "registers allow till-1 steal",
            "registers limit till-1 --sale-max 100",
            "gateway log bank loud",
            "gateway set bank --mode production",
            "config route --amount 12.50",
            "config route --range 41111111111",
            "config route --country UK",
            "fly",
        ] {
            let words = std::iter::once("payhal").chain(line.split_whitespace());
            assert_eq!(
                Cli::try_parse_from(words).unwrap_err().exit_code(),
                2,
                "{line}"
            );
        }
    }
}
