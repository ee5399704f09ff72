use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use backend_plugin_api::Secret;
use chrono::TimeDelta;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::file::without_line_end;
use super::outside::World;
use super::passwords::Token;
use super::{CommandProblem, PasswordError};

/// How long a password is used without running the command again. Plugins that start together share one run.
const KEPT: TimeDelta = TimeDelta::minutes(1);
const MOST_BYTES: u64 = 64 << 10;
/// As much of stderr as is told.
const MOST_TOLD: usize = 500;

/// `passwordCommand`: a program that prints the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordCommand {
    /// By path, or looked up in `PATH`.
    pub program: String,
    /// They may have secrets in them.
    pub arguments: Secret<Vec<String>>,
}

impl PasswordCommand {
    /// A line for `sh -c`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self { program: "sh".to_owned(), arguments: Secret::new(vec!["-c".to_owned(), line.into()]) }
    }
}

/// What the command prints, without the end of the line.
pub(super) async fn run(command: &PasswordCommand, world: &World) -> Result<Token, PasswordError> {
    let limit = world.outside.limits.command;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ran = tokio::time::timeout(limit, output(command, &mut stdout, &mut stderr)).await;
    let ran = ran.unwrap_or(Err(CommandProblem::Slow(limit)));
    let password = ran.and_then(|status| password(status, &stdout)).map_err(|problem| PasswordError::Command {
        program: command.program.clone(),
        problem,
        stderr: told(&stderr, &stdout),
    })?;
    let expires = world.now() + KEPT;
    Ok(Token { password: Secret::new(password), renew: expires, expires })
}

async fn output(
    command: &PasswordCommand,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> Result<ExitStatus, CommandProblem> {
    let mut child = Command::new(&command.program)
        .args(command.arguments.expose())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CommandProblem::Start(Arc::new(error)))?;
    let mut group = Group(child.id().and_then(|it| Pid::from_raw(it.cast_signed())));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = tokio::try_join!(child.wait(), fill(stdout, out), fill(stderr, err));
    let (status, ..) = read.map_err(|error| CommandProblem::Read(Arc::new(error)))?;
    group.0 = None;
    Ok(status)
}

/// What a shell has started, too, does not outlive the wait for it.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Keeps the beginning and reads on, so that the program does not wait for its reader.
async fn fill(kept: &mut Vec<u8>, from: Option<impl AsyncRead + Unpin>) -> std::io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    (&mut from).take(MOST_BYTES + 1).read_to_end(kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(())
}

fn password(status: ExitStatus, stdout: &[u8]) -> Result<String, CommandProblem> {
    if !status.success() {
        return Err(CommandProblem::Failed(status));
    }
    let text = std::str::from_utf8(stdout).map_err(|_| CommandProblem::Output("printed what is not UTF-8 text"))?;
    match without_line_end(text) {
        "" => Err(CommandProblem::Output("printed nothing")),
        text if text.contains('\n') => {
            Err(CommandProblem::Output("printed more than one line: have it print the password alone"))
        }
        text if text.len() as u64 > MOST_BYTES => Err(CommandProblem::Output("printed more than 64 KiB")),
        text => Ok(text.to_owned()),
    }
}

/// The end of stderr in one line, without what was on stdout.
fn told(stderr: &[u8], stdout: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(stderr).into_owned();
    for secret in String::from_utf8_lossy(stdout).lines().map(str::trim).filter(|it| !it.is_empty()) {
        text = text.replace(secret, "********");
    }
    let text = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join("; ");
    let mut from = text.len().saturating_sub(MOST_TOLD);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let dots = if from > 0 { "..." } else { "" };
    format!("{dots}{}", &text[from..])
}
