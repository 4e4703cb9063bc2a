//! A report as one HTML page.
//!
//! The page loads nothing and its policy forbids it to: style and script stand in it, each by its
//! hash. Without JavaScript all is there but the filter, the switches and copying by a click.

mod bits;
mod head;
mod missing;
mod step;
mod table;
mod tree;
mod write;

use sha2::{Digest, Sha256};

use super::model::Report;
use write::{Html, base64};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut html = Html::default();
    html.own("<!doctype html>\n");
    html.node("html", &[("lang", "en")], |html| {
        html.node("head", &[], |html| meta(html, report));
        html.node("body", &[], |html| body(html, report));
    });
    html.finish()
}

fn meta(html: &mut Html, report: &Report) {
    let hash = |text: &str| base64(&Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html.open("meta", &[("charset", "utf-8")]);
    html.own("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    // The policy's own quotes stand in an attribute with double ones.
    html.policy(&policy);
    html.own("\">");
    html.open(
        "meta",
        &[
            ("name", "viewport"),
            ("content", "width=device-width, initial-scale=1"),
        ],
    );
    html.open("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.open(
        "meta",
        &[("name", "color-scheme"), ("content", "light dark")],
    );
    let title = format!(
        "{}, {} – agtrack report",
        report.session.agent.name,
        bits::day(&report.session.begin)
    );
    html.word("title", "", &title);
    html.node("style", &[], |html| html.own(STYLE));
}

fn body(html: &mut Html, report: &Report) {
    html.node("a", &[("class", "skip"), ("href", "#timeline")], |html| {
        html.text("Skip to the timeline");
    });
    head::header(html, report);
    html.node("main", &[], |html| {
        table::findings(html, report);
        step::timeline(html, report);
        table::files(html, report);
        table::hosts(html, report);
        tree::processes(html, report);
        missing::section(html, report);
    });
    html.node("footer", &[], |html| {
        let version = report.completeness.version.as_deref().unwrap_or("?");
        let numbers = &report.completeness.numbers;
        html.text(&format!(
            "Recorded by agtrack {version}, written by agtrack {}. Times are UTC. Made from records \
             {} to {} of the journal, where secrets were redacted before they were written.",
            env!("CARGO_PKG_VERSION"),
            numbers.first,
            numbers.last
        ));
    });
    html.node("script", &[], |html| html.own(SCRIPT));
}
