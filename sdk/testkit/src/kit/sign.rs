// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal plugin sign`: lists the files of a plugin folder in its manifest, and signs the manifest.
//!
//! What it makes is minisign's: `minisign -Vm plugin.toml -p KEY.pub` verifies it, and where
//! `--list-only` wrote the list, `minisign -Sm plugin.toml -s KEY` signs as well. It must never
//! print a secret key, nor write one that others may read.

use crate::failure::Failure;
use crate::say;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use payhal_messages::manifest::Manifest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const MANIFEST: &str = "plugin.toml";
const SIGNATURE: &str = "plugin.toml.minisig";
const SCHEMA: &str = "configuration.schema.json";

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The plugin folder
    #[arg(value_name = "FOLDER", required_unless_present = "new_key")]
    folder: Option<PathBuf>,
    /// The secret key: a file of minisign
    #[arg(long, value_name = "FILE", required_unless_present_any = ["new_key", "list_only"])]
    secret_key: Option<PathBuf>,
    /// Make a key pair: the secret key here, the public one beside it, ending in .pub
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "secret_key", "list_only"])]
    new_key: Option<PathBuf>,
    /// Only list the files in the manifest, to sign it with another tool: minisign -Sm plugin.toml
    #[arg(long)]
    list_only: bool,
    /// What hosts show of the signature [default: id and version]
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Read the password of the secret key here, instead of asking for it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// With --new-key: no password; whoever can read the file can sign
    #[arg(long, requires = "new_key", conflicts_with = "password_file")]
    no_password: bool,
}

pub(crate) fn run(args: &SignArgs) -> Result<ExitCode, Failure> {
    match (&args.new_key, &args.folder) {
        (Some(path), _) => make_key(path, args)?,
        (None, Some(folder)) => sign(folder, args)?,
        (None, None) => return Err(Failure::new("failed to sign: no folder is named")),
    }
    Ok(ExitCode::SUCCESS)
}

fn make_key(path: &Path, args: &SignArgs) -> Result<(), Failure> {
    let public_path = path.with_extension("pub");
    for path in [path, &public_path] {
        if path.exists() {
            let text = format!("failed to make {}: it is there already", path.display());
            return Err(Failure::new(text).advise("A key that is lost cannot be made again."));
        }
    }
    let failed = |error: minisign::PError| Failure::new(format!("failed to make a key: {error}"));
    let (pair, kept) = if args.no_password {
        let pair = KeyPair::generate_unencrypted_keypair().map_err(failed)?;
        (pair.clone(), pair.sk)
    } else {
        let pair = KeyPair::generate_encrypted_keypair(password(args)?).map_err(failed)?;
        (pair.clone(), pair.sk)
    };
    let secret = kept
        .to_box(Some("payhal plugin secret key"))
        .map_err(failed)?;
    write_new(path, secret.to_string().as_bytes(), 0o600)?;
    let public = pair.pk.to_box().map_err(failed)?;
    write_new(&public_path, format!("{public}").as_bytes(), 0o644)?;
    say(&format!(
        "made {} and {}\nkey {}: {}\nKeep the first to yourself. A host takes the other: \
         payhal plugin trust {}",
        path.display(),
        public_path.display(),
        key_id(&pair.pk),
        pair.pk.to_base64(),
        pair.pk.to_base64(),
    ));
    Ok(())
}

fn sign(folder: &Path, args: &SignArgs) -> Result<(), Failure> {
    let path = folder.join(MANIFEST);
    let text =
        std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let manifest = Manifest::parse(&text)
        .map_err(|error| Failure::new(format!("failed to read {}: {error}", path.display())))?;
    let listed = with_files(&text, &manifest, &hashes(folder, &manifest)?)
        .map_err(|why| Failure::new(format!("failed to write {}: {why}", path.display())))?;
    let signature = match &args.secret_key {
        Some(secret) if !args.list_only => Some(signature(&listed, &manifest, secret, args)?),
        _ => None,
    };
    if listed != text {
        replace(&path, listed.as_bytes())?;
    }
    let (id, version) = (&manifest.id, &manifest.version);
    match signature {
        None => say(&format!(
            "listed the files of {id} {version}; sign {}",
            path.display()
        )),
        Some((signature, public)) => {
            replace(&folder.join(SIGNATURE), signature.as_bytes())?;
            let (key_id, key) = (key_id(&public), public.to_base64());
            say(&format!(
                "signed {id} {version} with the key {key_id}\n\
                 A host that trusts it runs it: payhal plugin trust {key}"
            ));
        }
    }
    Ok(())
}

fn signature(
    text: &str,
    manifest: &Manifest,
    secret: &Path,
    args: &SignArgs,
) -> Result<(String, PublicKey), Failure> {
    let key = secret_key(secret, args)?;
    let failed = |error: minisign::PError| Failure::new(format!("failed to sign: {error}"));
    let public = PublicKey::from_secret_key(&key).map_err(failed)?;
    let usual = format!("{} {}", manifest.id, manifest.version);
    let comment = args.comment.as_deref().unwrap_or(&usual);
    if comment.chars().any(char::is_control) {
        return Err(Failure::new("failed to sign: the comment must be one line"));
    }
    let about = format!("payhal plugin {}", manifest.id);
    let signed = minisign::sign(
        Some(&public),
        &key,
        text.as_bytes(),
        Some(comment),
        Some(&about),
    );
    Ok((signed.map_err(failed)?.into_string(), public))
}

fn secret_key(path: &Path, args: &SignArgs) -> Result<SecretKey, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    let boxed = || SecretKeyBox::from(text.clone());
    let plain = boxed().into_unencrypted_secret_key().ok();
    if let Some(key) = plain.or_else(|| without_checksum(&text)) {
        return Ok(key);
    }
    boxed().into_secret_key(password(args)?).map_err(|error| {
        Failure::new(format!(
            "failed to open the secret key {}: {error}",
            path.display()
        ))
        .advise("`payhal plugin sign --new-key FILE` and `minisign -G` make one.")
    })
}

/// `minisign -G -W` leaves the checksum of a key out that has no password: 32 zeros at the end.
fn without_checksum(text: &str) -> Option<SecretKey> {
    let bytes = STANDARD.decode(text.lines().nth(1)?.trim()).ok()?;
    let (_, checksum) = bytes.split_last_chunk::<32>()?;
    let key = SecretKey::from_bytes(&bytes).ok()?;
    (*checksum == [0; 32] && !key.is_encrypted()).then_some(key)
}

/// The password, where it need not be asked for.
fn password(args: &SignArgs) -> Result<Option<String>, Failure> {
    let Some(path) = &args.password_file else {
        return Ok(None);
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// As hosts and minisign show it.
fn key_id(key: &PublicKey) -> String {
    let bytes: [u8; 8] = key.keynum().try_into().unwrap_or_default();
    format!("{:016X}", u64::from_le_bytes(bytes))
}

/// Every file that a host reads beside the manifest, with its SHA-256.
fn hashes(folder: &Path, manifest: &Manifest) -> Result<BTreeMap<String, String>, Failure> {
    let library = manifest.library_file();
    let mut names = vec![library.clone()];
    if folder.join(SCHEMA).exists() {
        names.push(SCHEMA.to_owned());
    }
    let mut hashes = BTreeMap::new();
    for name in names {
        let path = folder.join(&name);
        let bytes = std::fs::read(&path).map_err(|error| {
            let failure = Failure::file("read", &path, &error);
            if name == library {
                return failure
                    .advise("Build the plugin, and put its library beside the manifest.");
            }
            failure
        })?;
        let hash = Sha256::digest(&bytes);
        let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        hashes.insert(name, hex);
    }
    Ok(hashes)
}

/// The manifest with this list in the place of an older one; every other line stays as it is.
fn with_files(
    text: &str,
    manifest: &Manifest,
    files: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut kept = String::new();
    let mut in_list = false;
    for line in text.lines() {
        let header = line.trim_start().starts_with('[');
        in_list = if header { is_files(line) } else { in_list };
        if !in_list {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let mut listed = kept.trim_end().to_owned();
    listed.push_str("\n\n[files]\n");
    for (name, hash) in files {
        let _never_fails = writeln!(listed, "\"{name}\" = \"{hash}\"");
    }
    let wanted = Manifest {
        files: files.clone(),
        ..manifest.clone()
    };
    match Manifest::parse(&listed) {
        Ok(read) if read == wanted => Ok(listed),
        _ => Err("its `files` is not a table of its own at the end; take it out".to_owned()),
    }
}

fn is_files(header: &str) -> bool {
    let name = header.trim_start().trim_start_matches('[');
    let name = name.split(']').next().unwrap_or_default();
    name.trim() == "files"
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Failure::file("write", path, &error))
}

/// At once, so that no half of it is ever signed or read.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fresh = path.with_extension("new");
    let written = std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, path));
    written.map_err(|error| Failure::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const PLUGIN: &str = "# A beeper.\nid = \"beeper\"\nname = \"Beeper\"\nversion = \"1.2.0\"\nabi = 1\n\
        kind = \"gateway\"\nlibrary = \"beeper\"\n\n[gateway] # nothing\n";

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SignArgs,
    }

    fn kit(words: &[&str]) -> Result<ExitCode, Failure> {
        run(&Line::try_parse_from([&["sign"], words].concat())
            .unwrap()
            .args)
    }

    fn folder() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), PLUGIN).unwrap();
        std::fs::write(
            folder
                .path()
                .join(Manifest::parse(PLUGIN).unwrap().library_file()),
            "abc",
        )
        .unwrap();
        std::fs::write(folder.path().join(SCHEMA), "{}").unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        (folder, path)
    }

    /// With the code that hosts verify with.
    fn verifies(folder: &Path, key: &Path) -> bool {
        let key = minisign::PublicKey::from_file(key).unwrap();
        let signature = minisign::SignatureBox::from_file(folder.join(SIGNATURE)).unwrap();
        let file = std::fs::File::open(folder.join(MANIFEST)).unwrap();
        minisign::verify(&key, &signature, file, true, false, false).is_ok()
    }

    #[test]
    fn a_signed_manifest_lists_the_files_and_keeps_its_lines() {
        let (folder, path) = folder();
        let key = folder.path().join("key").display().to_string();
        kit(&["--new-key", &key, "--no-password"]).unwrap();
        for _again in 0..2 {
            kit(&[&path, "--secret-key", &key]).unwrap();
            let text = std::fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
            assert!(text.starts_with("# A beeper.\n") && text.contains("[gateway] # nothing"));
            assert_eq!(text.matches("[files]").count(), 1);
            let files = Manifest::parse(&text).unwrap().files;
            // FIPS 180-2, appendix B.1.
            let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
            assert!(files.values().any(|hash| hash == abc), "{files:?}");
            assert_eq!(files.len(), 2);
            assert!(verifies(folder.path(), &folder.path().join("key.pub")));
        }
        let manifest = folder.path().join(MANIFEST);
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace("1.2.0", "1.3.0")).unwrap();
        assert!(!verifies(folder.path(), &folder.path().join("key.pub")));
    }

    #[test]
    fn a_key_is_for_its_owner_and_is_never_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = path.display().to_string();
        let word = folder.path().join("word");
        std::fs::write(&word, "horse\n").unwrap();
        let word = word.display().to_string();
        kit(&["--new-key", &key, "--password-file", &word]).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let made = std::fs::read(&path).unwrap();
        let again = kit(&["--new-key", &key, "--no-password"]);
        assert!(format!("{again:?}").contains("there already"));
        assert_eq!(std::fs::read(&path).unwrap(), made);
    }

    #[test]
    fn a_key_of_minisign_without_a_password_has_no_checksum() {
        let (folder, path) = folder();
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let mut bytes = pair.sk.to_bytes();
        let at = bytes.len() - 32;
        bytes[at..].fill(0);
        let key = folder.path().join("key");
        let text = format!("untrusted comment: x\n{}\n", STANDARD.encode(&bytes));
        std::fs::write(&key, text).unwrap();
        let public = pair.pk.to_box().unwrap().to_string();
        std::fs::write(folder.path().join("key.pub"), public).unwrap();
        kit(&[&path, "--secret-key", key.to_str().unwrap()]).unwrap();
        assert!(verifies(folder.path(), &folder.path().join("key.pub")));
    }

    #[test]
    fn a_folder_without_its_library_is_not_signed() {
        let (folder, path) = folder();
        let library = Manifest::parse(PLUGIN).unwrap().library_file();
        std::fs::remove_file(folder.path().join(&library)).unwrap();
        let failure = format!("{:?}", kit(&[&path, "--list-only"]));
        assert!(
            failure.contains(&library) && failure.contains("Build"),
            "{failure}"
        );
        let text = std::fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
        assert_eq!(text, PLUGIN, "nothing has changed");
    }

    #[test]
    fn a_list_in_another_form_is_not_guessed_at() {
        let manifest = Manifest::parse(PLUGIN).unwrap();
        let files = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let inline = format!("files = {{ x = \"y\" }}\n{PLUGIN}");
        assert!(with_files(&inline, &manifest, &files).is_err());
        let first = format!(
            "{}[files]\nx = \"y\"\n[gateway]\n",
            PLUGIN.split("[gateway]").next().unwrap()
        );
        let listed = with_files(&first, &manifest, &files).unwrap();
        assert_eq!(Manifest::parse(&listed).unwrap().files, files);
    }
}
