// SPDX-License-Identifier: MIT OR Apache-2.0
//! `payhal console`: opens the console as the operator, by a code that is good once.
//!
//! The code goes through a file that only this user can read. It must never stand on a command
//! line: every user of the machine can read those.

use super::access_args::ConsoleArgs;
use super::connect::state_folder;
use super::exit::{Exit, Failure};
use super::operator;
use super::screen::{say, tell};
use payhal_protocol::access::CodeParams;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What hands a file to the desktop's browser.
const OPENER: &str = "xdg-open";

const NO_BROWSER: &str = "Open that file in a browser on this machine within half a minute, or use \
     `payhal console --print` and paste the address. From another machine: \
     `ssh -L 7425:127.0.0.1:7425 HOST`, then the address that --print shows.";

pub(super) async fn console(args: &ConsoleArgs) -> Result<Exit, Failure> {
    let client = operator::connect(&args.place).await?;
    let url = client.request(&CodeParams {}).await?.url;
    drop(client);
    if args.print {
        say(&url);
        return Ok(Exit::Ok);
    }
    let page = state_folder(&args.place)?.join("access/console.html");
    write(&page, &leading_to(&url)).map_err(|source| {
        let text = format!("failed to write {}: {source}", page.display());
        Failure::new(Exit::Failed, text)
    })?;
    if !has_display() {
        tell("no desktop is here to open a browser on");
        return Err(unopened(&page));
    }
    tell(&format!("opening the console through {}", page.display()));
    let error = Command::new(OPENER).arg(&page).exec();
    tell(&format!("failed to run {OPENER}: {error}"));
    Err(unopened(&page))
}

fn unopened(page: &Path) -> Failure {
    let text = format!("the console was not opened; its page is {}", page.display());
    Failure::new(Exit::Failed, text).advise(NO_BROWSER)
}

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// A page that goes on to the address at once. It has no script: the address is the host's own.
fn leading_to(url: &str) -> String {
    let url = url
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<title>payhal</title>\n\
         <p><a href=\"{url}\">The console of payhal</a>: good once, for half a minute.\n"
    )
}

/// A file of its own each time, for this user alone from its first byte.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let fresh = path.with_extension("html.new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_for_its_owner_and_runs_nothing() {
        let folder = std::env::temp_dir().join(format!("payhal-console-{}", std::process::id()));
        let page = folder.join("access/console.html");
        for url in [
            "http://127.0.0.1:7425/#code=a",
            "http://127.0.0.1:7425/#code=b",
        ] {
            write(&page, &leading_to(url)).unwrap();
            let mode = fs::metadata(&page).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let text = fs::read_to_string(&page).unwrap();
            assert!(text.contains(&format!("url={url}\"")), "{text}");
            assert!(!text.contains("<script"), "{text}");
        }
        let mode = fs::metadata(page.parent().unwrap()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_address_cannot_leave_its_attribute() {
        let page = leading_to("http://x/\"><script>alert(1)</script>");
        assert!(!page.contains("<script"), "{page}");
    }
}
