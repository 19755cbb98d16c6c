// SPDX-License-Identifier: MIT OR Apache-2.0
//! The trust stores of this machine: which there are, and how each gets, shows and loses an
//! authority. Each takes back exactly what it was given, known by the host's own name.

use super::args::StoreArg;
use super::tool::{Tool, Trouble, database};
use crate::tls::Authority;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const CERTUTIL: Tool = Tool {
    name: "certutil",
    from: "libnss3-tools (Debian, Ubuntu) or nss-tools (Fedora)",
};
const KEYTOOL: Tool = Tool {
    name: "keytool",
    from: "a Java runtime (it brings keytool)",
};
const UPDATE_DEBIAN: Tool = Tool {
    name: "update-ca-certificates",
    from: "ca-certificates",
};
const UPDATE_FEDORA: Tool = Tool {
    name: "update-ca-trust",
    from: "ca-certificates",
};

/// Java's own stores have this password everywhere; it protects nothing.
const JAVA_PASSWORD: &str = "changeit";

/// One place that can trust an authority.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Store {
    /// A folder of certificates, taken over by a program.
    System { folder: PathBuf, fedora: bool },
    /// A database of NSS: a Chromium's, or a Firefox profile.
    Nss { folder: PathBuf, firefox: bool },
    /// The certificates of the Java in PATH.
    Java,
}

/// What a store has under this host's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Has {
    /// This very certificate.
    Ours,
    /// One that was made before it.
    Older,
    Nothing,
}

/// Everything that is there, for one user's home.
pub(super) fn find(wanted: StoreArg, home: Option<&Path>) -> Vec<Store> {
    let is = |store| wanted == StoreArg::All || wanted == store;
    let mut all = Vec::new();
    if is(StoreArg::System) {
        all.push(system());
    }
    if let Some(home) = home {
        if is(StoreArg::Nss) {
            let folders = chromium_folders(home, wanted == StoreArg::Nss);
            all.extend(folders.into_iter().map(|folder| Store::Nss {
                folder,
                firefox: false,
            }));
        }
        if is(StoreArg::Firefox) {
            all.extend(firefox_profiles(home).into_iter().map(|folder| Store::Nss {
                folder,
                firefox: true,
            }));
        }
    }
    if wanted == StoreArg::Java || (is(StoreArg::Java) && KEYTOOL.find().is_ok()) {
        all.push(Store::Java);
    }
    all
}

fn system() -> Store {
    let anchors = PathBuf::from("/etc/pki/ca-trust/source/anchors");
    match anchors.is_dir() {
        true => Store::System {
            folder: anchors,
            fedora: true,
        },
        false => Store::System {
            folder: "/usr/local/share/ca-certificates".into(),
            fedora: false,
        },
    }
}

/// The database of Chromium and its kin, the usual one even where it is not there yet, if one of
/// them is installed or it was asked for; and those of confined packages.
fn chromium_folders(home: &Path, asked_for: bool) -> Vec<PathBuf> {
    let browsers = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "microsoft-edge",
        "brave-browser",
        "vivaldi",
    ];
    let is_installed = |name| {
        let tool = Tool { name, from: "" };
        tool.find().is_ok()
    };
    let usual = home.join(".pki/nssdb");
    let mut all = Vec::new();
    if asked_for || usual.is_dir() || browsers.into_iter().any(is_installed) {
        all.push(usual);
    }
    all.extend([home.join(".local/share/pki/nssdb")]);
    all.extend(children(&home.join("snap")).map(|snap| snap.join("current/.pki/nssdb")));
    all.extend(children(&home.join(".var/app")).map(|app| app.join(".pki/nssdb")));
    let first = all
        .first()
        .cloned()
        .filter(|_| asked_for || !all.is_empty());
    all.retain(|folder| folder.join("cert9.db").is_file() || Some(folder) == first.as_ref());
    all.retain(|folder| folder.ends_with(".pki/nssdb") || folder.join("cert9.db").is_file());
    all
}

fn firefox_profiles(home: &Path) -> Vec<PathBuf> {
    let roots = [
        ".mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ];
    let profiles = roots.iter().flat_map(|root| children(&home.join(root)));
    profiles
        .filter(|folder| folder.join("cert9.db").is_file())
        .collect()
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    all.sort();
    all.into_iter()
}

impl Store {
    /// Its name on the command line.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::System { .. } => "system",
            Self::Nss { firefox: true, .. } => "firefox",
            Self::Nss { .. } => "nss",
            Self::Java => "java",
        }
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::System { folder, .. } | Self::Nss { folder, .. } => folder.display().to_string(),
            Self::Java => "cacerts".to_owned(),
        }
    }

    /// What it has.
    pub(super) fn look(&self, authority: &Authority) -> Result<Has, Trouble> {
        let found = match self {
            Self::System { folder, fedora } => {
                update(*fedora).find()?;
                match std::fs::read_to_string(system_file(folder, *fedora, authority)) {
                    Ok(text) => Some(text),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(failed(&error)),
                }
            }
            Self::Nss { folder, .. } => {
                CERTUTIL.find()?;
                if !folder.join("cert9.db").is_file() {
                    return Ok(Has::Nothing);
                }
                let (database, name) = (database(folder), authority.name());
                let words = ["-L", "-d", "", "-n", &name, "-a"].map(OsStr::new);
                let said = CERTUTIL.run(with(words, 2, &database))?;
                said.well.then_some(said.output)
            }
            Self::Java => {
                let alias = alias(authority);
                let words = [
                    "-exportcert",
                    "-rfc",
                    "-cacerts",
                    "-storepass",
                    JAVA_PASSWORD,
                ];
                let [export, rfc, store, pass, password] = words.map(OsStr::new);
                let alias = [OsStr::new("-alias"), OsStr::new(&alias)];
                let all = [export, rfc, store, pass, password, alias[0], alias[1]];
                let said = KEYTOOL.run(all)?;
                said.well.then_some(said.output)
            }
        };
        Ok(match found {
            None => Has::Nothing,
            Some(text) if authority.is_only(&text) => Has::Ours,
            Some(_) => Has::Older,
        })
    }

    /// Gives it the authority, whose certificate lies in this file.
    pub(super) fn add(&self, authority: &Authority, file: &Path) -> Result<(), Trouble> {
        match self {
            Self::System { folder, fedora } => {
                write(&system_file(folder, *fedora, authority), &authority.pem)?;
                update(*fedora).run([])?.done().map(drop)
            }
            Self::Nss { folder, .. } => {
                let database = database(folder);
                if !folder.join("cert9.db").is_file() {
                    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
                    let words = ["-N", "--empty-password", "-d", ""].map(OsStr::new);
                    CERTUTIL.run(with(words, 3, &database))?.done()?;
                }
                let name = authority.name();
                // Trusted to say who a server is, and nothing else.
                let words = ["-A", "-d", "", "-n", &name, "-t", "C,,", "-i", ""].map(OsStr::new);
                let words = with(with(words, 2, &database), 8, file.as_os_str());
                CERTUTIL.run(words)?.done().map(drop)
            }
            Self::Java => {
                let alias = alias(authority);
                let words = [
                    "-importcert",
                    "-noprompt",
                    "-trustcacerts",
                    "-cacerts",
                    "-storepass",
                    JAVA_PASSWORD,
                    "-alias",
                    &alias,
                    "-file",
                    "",
                ];
                let words = with(words.map(OsStr::new), 9, file.as_os_str());
                KEYTOOL.run(words)?.done().map(drop)
            }
        }
    }

    /// Takes back everything under this host's name.
    pub(super) fn remove(&self, authority: &Authority) -> Result<(), Trouble> {
        match self {
            Self::System { folder, fedora } => {
                let file = system_file(folder, *fedora, authority);
                std::fs::remove_file(file).map_err(|error| failed(&error))?;
                // Debian's leaves links to what is gone unless it makes all of them anew.
                let updated = match fedora {
                    true => update(true).run([]),
                    false => update(false).run([OsStr::new("--fresh")]),
                };
                updated?.done().map(drop)
            }
            Self::Nss { folder, .. } => {
                let (database, name) = (database(folder), authority.name());
                // One name may stand for several: each call takes one away.
                while self.look(authority)? != Has::Nothing {
                    let words = ["-D", "-d", "", "-n", &name].map(OsStr::new);
                    CERTUTIL.run(with(words, 2, &database))?.done()?;
                }
                Ok(())
            }
            Self::Java => {
                let alias = alias(authority);
                let words = [
                    "-delete",
                    "-cacerts",
                    "-storepass",
                    JAVA_PASSWORD,
                    "-alias",
                    &alias,
                ];
                KEYTOOL.run(words.map(OsStr::new))?.done().map(drop)
            }
        }
    }
}

fn update(fedora: bool) -> Tool {
    if fedora { UPDATE_FEDORA } else { UPDATE_DEBIAN }
}

fn system_file(folder: &Path, fedora: bool, authority: &Authority) -> PathBuf {
    let end = if fedora { "pem" } else { "crt" };
    folder.join(format!("{}.{end}", alias(authority)))
}

/// Java's aliases and file names have no spaces.
fn alias(authority: &Authority) -> String {
    format!("payhal-{}", authority.host_id)
}

fn with<'a, const N: usize>(
    mut words: [&'a OsStr; N],
    at: usize,
    word: &'a OsStr,
) -> [&'a OsStr; N] {
    words[at] = word;
    words
}

fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| failed(&error))
}

fn failed(error: &std::io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::PermissionDenied => Trouble::NeedsRoot,
        _ => Trouble::Failed(error.to_string()),
    }
}
