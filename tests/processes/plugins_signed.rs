// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proves that a host runs what a trusted key signed and nothing else, and that plugins are
//! installed, gone back from and switched off while other devices sell. The real programs do it all:
//! `payhal plugin sign` signs, the daemon verifies.

use crate::host::{Host, OWN_PLUGINS, Process, SIGNED, Setup, from_xtask, soon, state_of};
use crate::register::{Register, sale};
use payhal_client::protocol::plugins::{PluginListParams, PluginSummary};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

const READER: &str = "virtual-reader";
const TERMINAL: &str = "virtual-terminal";
const GATEWAY: &str = "sandbox";
const AUTO: &str = "{ auto = \"tap visa-approve\" }";

/// Runs `payhal` to its end: what it said and told, and its exit code.
async fn payhal(words: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(from_xtask("PAYHAL_BIN"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Process(command.spawn().unwrap(), PathBuf::new());
    let (mut said, mut told) = (String::new(), String::new());
    let (mut output, mut errors) = (process.0.stdout.take(), process.0.stderr.take());
    let both = async {
        let (read, more) = tokio::join!(
            output.as_mut().unwrap().read_to_string(&mut said),
            errors.as_mut().unwrap().read_to_string(&mut told)
        );
        read.unwrap();
        more.unwrap();
        process.0.wait().await.unwrap()
    };
    let status = soon("the end of a command", both).await;
    (said, told, status.code().unwrap())
}

#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    for words in wanted {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A maker of plugins, and the folder of a host that is not started yet.
struct Maker {
    folder: TempDir,
}

impl Maker {
    /// A key, and these plugins of it in the folder that the host looks at.
    async fn of(setup: &Setup, plugins: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("shop.toml"), setup.text()).unwrap();
        fs::write(folder.path().join(SIGNED), "").unwrap();
        let maker = Self { folder };
        let key = maker.key();
        let made = ["plugin", "sign", "--new-key", &key, "--no-password"];
        let (said, told, code) = payhal(&made).await;
        assert_eq!(code, 0, "{told}");
        says(&said, &["payhal plugin trust RW"]);
        for plugin in plugins {
            let own = Path::new(OWN_PLUGINS).join(plugin);
            maker.copy(plugin, &own, "0.1.0");
            maker.sign(&maker.folder.path().join(own)).await;
        }
        maker
    }

    fn key(&self) -> String {
        text(&self.folder.path().join("maker.key"))
    }

    fn state(&self) -> String {
        text(&state_of(self.folder.path()))
    }

    fn installed(&self, plugin: &str) -> PathBuf {
        self.folder.path().join(OWN_PLUGINS).join(plugin)
    }

    /// A plugin as it was built, under this version.
    fn copy(&self, plugin: &str, place: &Path, version: &str) -> PathBuf {
        let built = from_xtask("PAYHAL_PLUGINS").join(plugin);
        let folder = self.folder.path().join(place);
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(built).unwrap().flatten() {
            // Libraries may be links into the build.
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        let manifest = folder.join("plugin.toml");
        let old = "version = \"0.1.0\"";
        let written = fs::read_to_string(&manifest).unwrap();
        assert!(written.contains(old), "{written}");
        fs::write(
            &manifest,
            written.replace(old, &format!("version = \"{version}\"")),
        )
        .unwrap();
        folder
    }

    async fn sign(&self, folder: &Path) {
        let key = self.key();
        let (_, told, code) =
            payhal(&["plugin", "sign", &text(folder), "--secret-key", &key]).await;
        assert_eq!(code, 0, "{told}");
    }

    /// A version to install, signed.
    async fn version(&self, plugin: &str, version: &str) -> String {
        let folder = self.copy(plugin, Path::new("download"), version);
        self.sign(&folder).await;
        text(&folder)
    }

    async fn trust(&self) {
        let public = self.key().replace(".key", ".pub");
        let trust = ["plugin", "trust", &public, "--state", &self.state()];
        let (said, told, code) = payhal(&trust).await;
        assert_eq!(code, 0, "{told}");
        says(&said, &["may run here"]);
    }

    /// `payhal plugin …` on the host's state folder.
    async fn plugin(&self, words: &[&str]) -> (String, String, i32) {
        at(&self.state(), words).await
    }
}

async fn at(state: &str, words: &[&str]) -> (String, String, i32) {
    payhal(&[&["plugin"], words, &["--state", state]].concat()).await
}

async fn plugins(operator: &Register) -> Vec<PluginSummary> {
    let listed = soon("plugin.list", operator.0.request(&PluginListParams {})).await;
    listed.unwrap().plugins
}

async fn plugin(operator: &Register, id: &str) -> PluginSummary {
    let mut all = plugins(operator).await.into_iter();
    all.find(|plugin| plugin.id == id).unwrap()
}

#[tokio::test]
async fn a_signed_plugin_sells_and_says_who_signed_it() {
    let setup = Setup::automatic(1, "tap visa-approve");
    let maker = Maker::of(&setup, &[READER, GATEWAY]).await;
    maker.trust().await;
    let (keys, ..) = maker.plugin(&["keys", "--json"]).await;
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let key_id = keys["keys"][0]["key_id"].as_str().unwrap();

    let host = Host::start_in(maker.folder).await;
    let till = host.register("till-1").await;
    let sold = till.sell_alone(&sale("key-1", 1250, "reader-1")).await;
    sold.approved();
    let operator = host.operator().await;
    for id in [READER, GATEWAY] {
        let plugin = plugin(&operator, id).await;
        let signature = plugin.signature.unwrap();
        assert_eq!(signature.key_id, key_id);
        assert_eq!(signature.comment, format!("{id} 0.1.0"));
        assert!(plugin.signed.contains(key_id), "{}", plugin.signed);
    }
    // The runner holds memory that nobody can change, and no file of the plugin's folder.
    let maps = fs::read_to_string(format!(
        "/proc/{}/maps",
        host.runner("reader-1").as_raw_nonzero()
    ));
    if let Ok(maps) = maps {
        assert!(!maps.contains(OWN_PLUGINS), "{maps}");
    }
}

#[tokio::test]
async fn what_nobody_trusted_has_signed_or_somebody_changed_does_not_run() {
    let setup = Setup::automatic(1, "tap visa-approve");
    let maker = Maker::of(&setup, &[READER, GATEWAY]).await;
    let reader = maker.installed(READER);
    let manifest = reader.join("plugin.toml");
    let signature = reader.join("plugin.toml.minisig");
    let library = fs::read_dir(&reader)
        .unwrap()
        .flatten()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|end| end == "so"))
        .unwrap();
    let built = fs::read(&library).unwrap();

    let host = Host::start_unready(maker.folder, &[]).await;
    let operator = host.operator().await;
    let state = text(&host.state());
    let refusal = async || {
        let all = plugins(&operator).await;
        let broken = all.iter().find(|plugin| plugin.folder == text(&reader));
        broken.unwrap().broken.clone().unwrap_or_default()
    };
    says(
        &refusal().await,
        &["not trusted here", "payhal plugin trust"],
    );
    // The register is told as well, and so is whoever looks at the devices.
    let till = host.register("till-1").await;
    let sold = till.sell_alone(&sale("key-1", 100, "reader-1")).await;
    assert!(sold.answer.is_err());
    let public = text(&host.folder().join("maker.pub"));
    let (_, told, code) = at(&state, &["trust", &public]).await;
    assert_eq!(code, 0, "{told}");
    operator.until_all_ready().await;
    let sold = till.sell_alone(&sale("key-2", 100, "reader-1")).await;
    sold.approved();

    let signed = (fs::read(&manifest).unwrap(), fs::read(&signature).unwrap());
    let restore = || {
        fs::write(&manifest, &signed.0).unwrap();
        fs::write(&signature, &signed.1).unwrap();
        fs::write(&library, &built).unwrap();
    };
    // A manifest that grants itself more.
    let text_of = String::from_utf8(signed.0.clone()).unwrap();
    fs::write(
        &manifest,
        text_of.replace("[access]", "[access]\nown_network = true"),
    )
    .unwrap();
    says(
        &refusal().await,
        &["plugin.toml is not what the key", "changed"],
    );
    restore();
    assert_eq!(refusal().await, "");
    fs::write(&library, &built[..built.len() - 1]).unwrap();
    says(&refusal().await, &[".so", "changed"]);
    restore();
    fs::remove_file(&signature).unwrap();
    says(
        &refusal().await,
        &["not signed", "payhal plugin sign", "allow_unsigned = true"],
    );
    restore();
    assert_eq!(refusal().await, "");
    // What ran went on through all of it: it has the bytes that were verified.
    let sold = till.sell_alone(&sale("key-3", 100, "reader-1")).await;
    sold.approved();
}

/// A reader whose plugin is installed, and a terminal of another plugin that sells meanwhile.
struct Counter {
    host: Host,
    state: String,
    till: Register,
    other: Register,
    operator: Register,
}

impl Counter {
    /// With the second version ready to be installed.
    async fn open() -> (Self, String) {
        let setup = Setup::readers(1).terminal("counter", TERMINAL, AUTO);
        let maker = Maker::of(&setup, &[TERMINAL, GATEWAY]).await;
        maker.trust().await;
        let first = maker.version(READER, "0.1.0").await;
        // Without a host, on its state folder.
        let (said, told, code) = maker.plugin(&["install", &first]).await;
        let installed = "virtual-reader 0.1.0 is installed\n";
        assert_eq!((said.as_str(), code), (installed, 0), "{told}");
        let second = maker.version(READER, "0.2.0").await;
        let state = maker.state();
        let host = Host::start_in(maker.folder).await;
        let counter = Self {
            till: host.register("till-1").await,
            other: host.register("till-2").await,
            operator: host.operator().await,
            state,
            host,
        };
        (counter, second)
    }

    async fn sells(&self, key: &str) {
        let sale = sale(key, 700, "reader-1");
        let sold = self.till.sell(&sale, "tap", "visa-approve").await;
        sold.approved();
    }

    async fn sells_elsewhere(&self, key: &str) {
        let sold = self.other.sell_alone(&sale(key, 500, "counter")).await;
        sold.approved();
    }

    /// The version that the reader runs with.
    async fn version(&self) -> String {
        let reader = plugin(&self.operator, READER).await;
        reader.instances[0].version.clone().unwrap()
    }

    /// What a command said, which went well.
    async fn does(&self, words: &[&str]) -> String {
        let (said, told, code) = at(&self.state, words).await;
        assert_eq!(code, 0, "{told}");
        said
    }

    /// What a command told, which was refused.
    async fn refuses(&self, words: &[&str]) -> String {
        let (said, told, code) = at(&self.state, words).await;
        assert_ne!(code, 0, "{said}");
        told
    }
}

#[tokio::test]
async fn a_plugin_is_upgraded_and_put_back_while_another_device_sells() {
    let (counter, second) = Counter::open().await;
    assert_eq!(counter.version().await, "0.1.0");
    // A card is awaited: the upgrade waits, the terminal does not.
    let waiting = counter.till.begin(&sale("key-1", 700, "reader-1")).await;
    let words = ["install", &second];
    let meanwhile = async {
        counter.sells_elsewhere("other-1").await;
        assert_eq!(counter.version().await, "0.1.0", "money is under way in it");
        let operator = &counter.operator;
        operator.show("reader-1", "tap", "visa-approve").await;
        waiting.end().await.approved();
    };
    let (said, ()) = tokio::join!(counter.does(&words), meanwhile);
    let upgraded = "went from 0.1.0 to 0.2.0";
    says(&said, &[upgraded, "reader-1"]);
    assert_eq!(counter.version().await, "0.2.0");
    counter.sells("key-2").await;

    // Signed, and no library: it does not come up, and the version before goes on.
    let bad = maker_of_bad(counter.host.folder(), &second).await;
    let told = counter.refuses(&["install", &bad]).await;
    says(&told, &["put back"]);
    assert_eq!(counter.version().await, "0.2.0");
    counter.sells("key-3").await;
    let (kept, ..) = payhal(&["audit", "--state", &counter.state]).await;
    says(&kept, &["plugin.changed", upgraded, "was put back"]);
}

#[tokio::test]
async fn a_plugin_is_gone_back_from_and_switched_off_while_another_device_sells() {
    let (counter, second) = Counter::open().await;
    counter.does(&["install", &second]).await;
    let said = counter.does(&["rollback", READER]).await;
    says(&said, &["0.2.0 to 0.1.0"]);
    assert_eq!(counter.version().await, "0.1.0");
    counter.does(&["disable", READER]).await;
    let sale = sale("key-1", 700, "reader-1");
    assert!(counter.till.sell_alone(&sale).await.answer.is_err());
    counter.sells_elsewhere("other-1").await;
    let told = counter.refuses(&["remove", READER]).await;
    says(&told, &["reader-1"]);
    counter.does(&["enable", READER]).await;
    counter.operator.until_all_ready().await;
    counter.sells("key-2").await;
    let (kept, ..) = payhal(&["audit", "--state", &counter.state]).await;
    says(
        &kept,
        &["went from 0.2.0 to 0.1.0", "was disabled", "was enabled"],
    );
}

/// A newer version whose library is no library.
async fn maker_of_bad(folder: &Path, good: &str) -> String {
    let bad = folder.join("bad");
    fs::create_dir(&bad).unwrap();
    for file in fs::read_dir(good).unwrap().flatten() {
        let name = file.file_name();
        if name.to_string_lossy().ends_with(".so") {
            fs::write(bad.join(name), "no library").unwrap();
        } else {
            fs::copy(file.path(), bad.join(name)).unwrap();
        }
    }
    let manifest = bad.join("plugin.toml");
    let written = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, written.replace("0.2.0", "0.3.0")).unwrap();
    let key = text(&folder.join("maker.key"));
    let (_, told, code) = payhal(&["plugin", "sign", &text(&bad), "--secret-key", &key]).await;
    assert_eq!(code, 0, "{told}");
    text(&bad)
}

#[tokio::test]
async fn an_older_version_than_has_run_is_refused() {
    let setup = Setup::automatic(1, "tap visa-approve");
    let maker = Maker::of(&setup, &[GATEWAY]).await;
    maker.trust().await;
    let newer = maker.version(READER, "0.2.0").await;
    let state = maker.state();
    let (_, told, code) = maker.plugin(&["install", &newer]).await;
    assert_eq!(code, 0, "{told}");
    let folder = maker.folder.path().to_owned();
    let host = Host::start_in(maker.folder).await;
    assert_eq!(
        plugin(&host.operator().await, READER)
            .await
            .version
            .as_deref(),
        Some("0.2.0")
    );

    // An old one with a good signature, put in its place by hand or by the installer.
    let old = Maker {
        folder: host.stop().await.1,
    };
    let older = old.version(READER, "0.1.0").await;
    let (_, told, code) = at(&state, &["install", &older]).await;
    assert_ne!(code, 0);
    says(&told, &["version 0.1.0", "older than 0.2.0"]);
    fs::remove_file(folder.join("state/plugins").join(READER)).unwrap();
    fs::rename(&older, folder.join(OWN_PLUGINS).join(READER)).unwrap();
    let host = Host::start_unready(old.folder, &[]).await;
    let operator = host.operator().await;
    let all = plugins(&operator).await;
    let broken = all.iter().find_map(|plugin| plugin.broken.clone()).unwrap();
    says(
        &broken,
        &["0.1.0 is older than 0.2.0", "payhal plugin rollback"],
    );
    let (_, told, code) = at(&state, &["rollback", READER]).await;
    assert_eq!(code, 0, "{told}");
    operator.until_all_ready().await;
    assert_eq!(
        plugin(&operator, READER).await.version.as_deref(),
        Some("0.1.0")
    );
}
