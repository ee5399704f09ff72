use clap::Args;
use database_tools::doctor::{Diagnosis, Finding, Severity, examine};
use serde_json::{Value, json};

use super::outcome::{Outcome, show};
use super::progress::bar;
use super::sites::{PluginArgs, Sites};

const EXAMPLE: &str = "\
Nothing is changed. Exit code 3: there are errors or warnings. Run it as the user who runs the backend, and on that \
machine, as it looks at rights, disks and limits too.

Example:
  backend db doctor --json | jq '.findings[] | select(.severity == \"error\")'";

/// Find what is wrong, or will be, with servers, rights and files.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[command(after_help = EXAMPLE)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub plugins: PluginArgs,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: &DoctorArgs, sites: &Sites) -> anyhow::Result<Outcome> {
    let spinner = bar(None);
    spinner.set_message("looking");
    let diagnosis = examine(&sites.sites).await;
    spinner.finish_and_clear();
    show(args.json, || machine(&diagnosis), || people(&diagnosis));
    let is_well = diagnosis.count(Severity::Ok) == diagnosis.findings.len();
    Ok(if is_well { Outcome::Done } else { Outcome::ToDo })
}

fn machine(diagnosis: &Diagnosis) -> Value {
    let findings = diagnosis.findings.iter().map(|it| {
        json!({
            "severity": it.severity.as_str(), "about": it.about, "check": it.check, "what": it.what, "why": it.why,
            "mend": it.mend,
        })
    });
    let [errors, warnings, ok] =
        [Severity::Error, Severity::Warning, Severity::Ok].map(|severity| diagnosis.count(severity));
    json!({ "findings": findings.collect::<Vec<_>>(), "errors": errors, "warnings": warnings, "ok": ok })
}

fn people(diagnosis: &Diagnosis) -> String {
    let width = diagnosis.findings.iter().map(|it| it.check.len()).max().unwrap_or_default();
    let mut blocks: Vec<String> = Vec::new();
    let mut about = None;
    for finding in &diagnosis.findings {
        if about == Some(&finding.about)
            && let Some(block) = blocks.last_mut()
        {
            block.push_str(&lines(finding, width));
        } else {
            blocks.push(format!("{}{}", finding.about, lines(finding, width)));
        }
        about = Some(&finding.about);
    }
    let count = |severity, one: &str, many: &str| match diagnosis.count(severity) {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let (errors, warnings) =
        (count(Severity::Error, "error", "errors"), count(Severity::Warning, "warning", "warnings"));
    blocks.push(format!("{errors}, {warnings}, {} in order", diagnosis.count(Severity::Ok)));
    blocks.join("\n\n")
}

fn lines(finding: &Finding, width: usize) -> String {
    let Finding { severity, check, what, why, mend, .. } = finding;
    let mut lines = format!("\n  {:7}  {check:width$}  {what}", severity.as_str());
    let under = " ".repeat(width + 13);
    lines.extend(why.iter().map(|it| format!("\n{under}why:  {it}")));
    lines.extend(mend.iter().map(|it| format!("\n{under}mend: {it}")));
    lines
}
