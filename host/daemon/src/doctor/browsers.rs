// SPDX-License-Identifier: MIT OR Apache-2.0
//! Browsers: whether a policy lets the pages of paired registers reach this machine without asking
//! each cashier.

use super::access::registers;
use super::{BROWSERS as AREA, Scene, note, ok, warn};
use payhal_protocol::diagnose::Finding;
use serde_json::Value;
use std::path::Path;

/// Folders of policy files by browser.
const CHROMIUMS: [(&str, &str); 4] = [
    ("Chrome", "/etc/opt/chrome/policies/managed"),
    ("Chromium", "/etc/chromium/policies/managed"),
    ("Edge", "/etc/opt/edge/policies/managed"),
    ("Brave", "/etc/brave/policies/managed"),
];
const FIREFOX: &str = "/etc/firefox/policies/policies.json";

/// Policies with a list of pages; both let a page reach loopback.
const LISTS: [&str; 2] = [
    "LoopbackNetworkAllowedForUrls",
    "LocalNetworkAccessAllowedForUrls",
];

pub(super) fn check(scene: &Scene) -> Vec<Finding> {
    let pages = pages(scene);
    if pages.is_empty() {
        let says = "no register is a page of another site: no policy is needed";
        return vec![ok(AREA, "Pages", says)];
    }
    let mut all = Vec::new();
    for (browser, folder) in CHROMIUMS {
        all.extend(chromium(scene, browser, folder, &pages));
    }
    all.extend(firefox(scene, &pages));
    if all.is_empty() {
        let says = format!(
            "no policy file is there: each cashier is asked once by the browser whether {} may \
             reach this machine. docs/browsers.md has the files",
            pages.join(", ")
        );
        all.push(note(AREA, "Policies", says));
    }
    all
}

/// Origins on the web that take payments here; those of this machine need no leave.
fn pages(scene: &Scene) -> Vec<String> {
    let paired = registers(scene).unwrap_or_default();
    let paired = paired.into_iter().filter_map(|register| register.origin);
    let mut all: Vec<String> = paired.chain(scene.origins.iter().cloned()).collect();
    all.retain(|origin| origin.starts_with("https://") && !is_local(origin));
    all.sort();
    all.dedup();
    all
}

fn is_local(origin: &str) -> bool {
    let host = origin.trim_start_matches("https://");
    ["localhost", "127.", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

/// Every file of the folder counts; nothing if there is none.
fn chromium(scene: &Scene, browser: &str, folder: &str, pages: &[String]) -> Option<Finding> {
    let entries = std::fs::read_dir(scene.system(folder)).ok()?;
    let mut allowed = Vec::new();
    let mut named = false;
    for entry in entries.flatten() {
        let Some(policies) = read(&entry.path()) else {
            let says = format!("{folder}/{} is no JSON", entry.file_name().display());
            let todo = "Put it right: a browser ignores a policy file that it cannot read.";
            return Some(warn(AREA, browser, says, todo));
        };
        for list in LISTS {
            let urls = policies.get(list).and_then(Value::as_array);
            named |= urls.is_some();
            let urls = urls.into_iter().flatten().filter_map(Value::as_str);
            allowed.extend(urls.map(str::to_owned));
        }
    }
    if !named {
        return None;
    }
    Some(judge(browser, pages, |page| {
        allowed.iter().any(|url| covers(url, page))
    }))
}

/// Firefox has no list of pages that may; it can only be told not to ask at all.
fn firefox(scene: &Scene, pages: &[String]) -> Option<Finding> {
    let policies = read(&scene.system(FIREFOX))?;
    let access = policies.get("policies")?.get("LocalNetworkAccess")?;
    let asks = access.get("Enabled") != Some(&Value::Bool(false));
    let skipped = access.get("SkipDomains").and_then(Value::as_array);
    let skipped: Vec<&str> = skipped
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    Some(judge("Firefox", pages, |page| {
        let host = page.trim_start_matches("https://");
        let host = host.split(':').next().unwrap_or_default();
        let matches = |domain: &&str| match domain.strip_prefix("*.") {
            Some(parent) => host.ends_with(&format!(".{parent}")),
            None => host == *domain,
        };
        !asks || skipped.iter().any(matches)
    }))
}

fn judge(browser: &str, pages: &[String], covered: impl Fn(&str) -> bool) -> Finding {
    let missing: Vec<_> = pages
        .iter()
        .filter(|page| !covered(page))
        .cloned()
        .collect();
    if missing.is_empty() {
        let says = format!("its policy lets in {}", pages.join(", "));
        return ok(AREA, browser, says);
    }
    let says = format!("its policy does not name {}", missing.join(", "));
    let todo = "Add it to the policy file, as docs/browsers.md shows, and start the browser anew.";
    warn(AREA, browser, says, todo)
}

/// A pattern as Chromium has it: an origin, with or without a path, `[*.]` before a domain, or `*`.
fn covers(pattern: &str, page: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    let (pattern, page) = (plain(pattern), plain(page));
    let host = |text: &str| text.trim_start_matches("https://").to_owned();
    match pattern.split_once("[*.]") {
        Some((_, domain)) => {
            let page = host(&page);
            page == domain || page.ends_with(&format!(".{domain}"))
        }
        None => pattern == "*" || pattern == page || pattern == host(&page),
    }
}

fn read(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::made_up::{level, put, scene};
    use super::*;
    use payhal_protocol::diagnose::FindingLevel;

    #[test]
    fn a_policy_that_does_not_name_a_page_is_told() {
        let (_folder, mut scene) = scene();
        scene.origins.push("http://localhost:3000".to_owned());
        assert_eq!(level(&check(&scene), "Pages"), FindingLevel::Ok);
        scene.origins.push("https://shop.example".to_owned());
        assert_eq!(level(&check(&scene), "Policies"), FindingLevel::Note);
        let path = scene.system("/etc/opt/chrome/policies/managed/payhal.json");
        put(
            &path,
            r#"{"LoopbackNetworkAllowedForUrls": ["https://other.example"]}"#,
            0o644,
        );
        assert_eq!(level(&check(&scene), "Chrome"), FindingLevel::Warn);
        put(
            &path,
            r#"{"LoopbackNetworkAllowedForUrls": ["https://shop.example/"]}"#,
            0o644,
        );
        assert_eq!(level(&check(&scene), "Chrome"), FindingLevel::Ok);
        put(&path, "{", 0o644);
        assert_eq!(level(&check(&scene), "Chrome"), FindingLevel::Warn);
    }

    #[test]
    fn firefox_is_told_domains() {
        let (_folder, mut scene) = scene();
        scene
            .origins
            .push("https://pos.shop.example:8443".to_owned());
        let policies = |text: &str| {
            put(&scene.system(FIREFOX), text, 0o644);
            level(&check(&scene), "Firefox")
        };
        let names = |domain: &str| {
            format!(r#"{{"policies": {{"LocalNetworkAccess": {{"SkipDomains": ["{domain}"]}}}}}}"#)
        };
        assert_eq!(policies(&names("*.shop.example")), FindingLevel::Ok);
        assert_eq!(policies(&names("pos.shop.example")), FindingLevel::Ok);
        assert_eq!(policies(&names("shop.example")), FindingLevel::Warn);
        let off = r#"{"policies": {"LocalNetworkAccess": {"Enabled": false}}}"#;
        assert_eq!(policies(off), FindingLevel::Ok);
    }

    #[test]
    fn patterns_cover_what_chromium_lets_them() {
        for pattern in [
            "*",
            "https://a.b.example",
            "[*.]b.example",
            "https://[*.]b.example",
            "a.b.example",
        ] {
            assert!(covers(pattern, "https://a.b.example"), "{pattern}");
        }
        for pattern in [
            "https://b.example",
            "[*.]c.example",
            "https://a.b.example:1",
        ] {
            assert!(!covers(pattern, "https://a.b.example"), "{pattern}");
        }
    }
}
