use anyhow::{Context, Result, bail, ensure};

use crate::sh;

/// What `wrk` got.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Requests whose answer was no success, or that had none.
    pub(crate) failed: u64,
}

/// Requests a second that `wrk` gets answered on 16 connections from one thread, in 5 s.
pub(crate) fn requests_per_second(url: &str) -> Result<f64> {
    let Load { rate, failed } = run(&["-t1", "-c16", "-d5s", url])?;
    ensure!(failed == 0, "the server did not answer {failed} requests with success");
    Ok(rate)
}

/// Runs it.
pub(crate) fn run(arguments: &[&str]) -> Result<Load> {
    parse(&sh::output(sh::command("wrk").args(arguments))?)
}

fn parse(report: &str) -> Result<Load> {
    let after = |label: &str| report.lines().find_map(|line| line.trim().strip_prefix(label));
    let Some(rate) = after("Requests/sec:").and_then(|rate| rate.trim().parse().ok()) else {
        bail!("`wrk` reported no rate:\n{report}");
    };
    let refused = after("Non-2xx or 3xx responses:").unwrap_or("0");
    let broken = after("Socket errors:").unwrap_or_default().split(',').filter_map(|it| it.split_whitespace().last());
    let mut failed = 0;
    for number in broken.chain([refused.trim()]) {
        failed += number.parse::<u64>().with_context(|| format!("`wrk` reported `{number}`, expected a number"))?;
    }
    Ok(Load { rate, failed })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const GOOD: &str = "Running 5s test @ http://127.0.0.1:7007/\n  1 threads and 16 connections\n\
                        61234 requests in 5.00s, 9.01MB read\nRequests/sec:  12246.80\nTransfer/sec:      1.80MB\n";

    #[test]
    fn what_was_not_answered_with_success_is_counted() {
        assert_eq!(parse(GOOD).unwrap(), Load { rate: 12246.8, failed: 0 });
        let bad =
            format!("  Socket errors: connect 1, read 2, write 0, timeout 30\n  Non-2xx or 3xx responses: 7\n{GOOD}");
        assert_eq!(parse(&bad).unwrap(), Load { rate: 12246.8, failed: 40 });
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
    }
}
