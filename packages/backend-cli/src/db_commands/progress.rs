//! What people see of long work, on a terminal alone.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of so many steps, or without an end. Hidden where standard error is no terminal.
pub(super) fn bar(total: Option<u64>) -> ProgressBar {
    let target = match stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(total, target);
    let template = match total {
        Some(_) => "{msg:30!} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
        None => "{msg:30!} {spinner} {human_pos} {per_sec}",
    };
    // The templates are right: a test draws them.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_that_nobody_sees_counts_all_the_same() {
        let bar = bar(Some(2));
        bar.inc(2);
        assert_eq!(bar.position(), 2);
        assert!(ProgressStyle::with_template("{msg:30!} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}").is_ok());
    }
}
