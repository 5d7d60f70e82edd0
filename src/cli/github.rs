//! `plumbline github`: becoming an App on GitHub, and what of that works, from the host.
//!
//! Making the App takes a browser, since GitHub asks whoever is signed in there. So `setup` prints the address of the page that does it,
//! with a link that signs an administrator in, and waits on a terminal until the App is there. From then on it shows the list that the
//! page shows.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::check::style::{Ink, Style};
use super::doctor::Line;
use super::{Error, Result, admin, say, user};
use crate::app::config::Config;
use crate::domain::accounts;
use crate::engine::sandbox::probe::Grade;

/// Where the set-up page is, beneath the public address.
const PAGE: &str = "/admin/github";
/// How often it is looked whether the App was made.
const LOOK: Duration = Duration::from_secs(2);
/// How long it is waited: as long as the link can be used.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What is said of `setup` at length.
const SETUP: &str = "Sets the App on GitHub up, in a browser; once there is one, says what of it works

Without an App it prints a link to the set-up page, which signs an administrator in once, within 30 minutes. One button there has GitHub \
make the App, whose key and secrets are sealed here. On a terminal it waits until that is done, and then shows what works; in a pipe, with \
--json or --no-wait, it prints the link and ends.";

/// What `plumbline github` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Sets the App on GitHub up, in a browser; once there is one, says what of it works
    #[command(long_about = SETUP)]
    Setup(Setup),
}

/// What `plumbline github setup` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 0 if nothing is red, 1 if something is or the App was not made in time, 2 on wrong usage.")]
pub struct Setup {
    /// The administrator whom the link signs in; needed where there are several
    #[arg(long, value_parser = accounts::parse_login)]
    login: Option<String>,
    /// Prints the link and ends, on a terminal as well
    #[arg(long)]
    no_wait: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    let Command::Setup(args) = command;
    let seen = look(config)?;
    if is_app(&seen) {
        return Ok(show(args, &seen, None));
    }
    let link = link(config, args.login.as_deref())?;
    let waits = !args.json && !args.no_wait && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    if !waits || !admin::is_served(config) {
        let code = show(args, &seen, Some(&link));
        if !args.json && !admin::is_served(config) {
            say("\nNo server is running: start it with `plumbline serve`, and open the link then.\n");
        }
        return Ok(code);
    }
    say(&format!("Open this in a browser; it signs you in once, within 30 minutes:\n\n  {link}\n\n"));
    let made = wait(config)?;
    Ok(show(args, &made, None))
}

fn look(config: &Config) -> Result<Value> {
    admin::ask(config, "GET", "/api/v1/admin/github", None)
}

fn is_app(seen: &Value) -> bool {
    !seen["app_id"].is_null()
}

/// A link that signs an administrator in and leads to the set-up page.
fn link(config: &Config, login: Option<&str>) -> Result<String> {
    let login = administrator(config, login)?;
    let made = admin::ask(config, "POST", "/api/v1/admin/links", Some(&json!({"login": login})))?;
    let url = made["url"].as_str().ok_or_else(|| Error::new("the server made no link"))?;
    Ok(format!("{url}?next={PAGE}"))
}

/// The login of an administrator who may come in: the one that is named, else the only one there is.
fn administrator(config: &Config, named: Option<&str>) -> Result<String> {
    let users = user::all(config, "/api/v1/admin/users")?;
    let may = |user: &&Value| user["role"] == "admin" && user["disabled"] == false;
    let logins: Vec<&str> = users.iter().filter(may).filter_map(|user| user["login"].as_str()).collect();
    if let Some(named) = named {
        return match logins.iter().find(|login| login.eq_ignore_ascii_case(named)) {
            Some(login) => Ok((*login).to_owned()),
            None => Err(Error::new(format!("`{named}` is no administrator who may come in, and nobody else sets the App up"))),
        };
    }
    match logins.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Error::new("there is no administrator yet; `plumbline user create --admin --login NAME` makes one")),
        several => {
            let named = several.iter().take(5).map(|login| format!("`{login}`")).collect::<Vec<_>>().join(", ");
            Err(Error::wrong_usage(format!("there are several administrators: name the one who is to be signed in with --login ({named})")))
        }
    }
}

/// Waits until the App is there, and says so meanwhile on stderr.
fn wait(config: &Config) -> Result<Value> {
    let began = Instant::now();
    let line = |text: &str| {
        // Carriage return, the line, and nothing left of the one before.
        let _ = write!(std::io::stderr(), "\r\x1b[2K{text}").and_then(|()| std::io::stderr().flush());
    };
    while began.elapsed() < PATIENCE {
        let seconds = began.elapsed().as_secs();
        line(&format!("waiting for the App to be made ({}:{:02}); Ctrl-C leaves, and the link stays good", seconds / 60, seconds % 60));
        std::thread::park_timeout(LOOK);
        let seen = look(config).inspect_err(|_| line(""))?;
        if is_app(&seen) {
            line("");
            return Ok(seen);
        }
    }
    line("");
    Err(Error::new("no App was made within 30 minutes, and the link is good no more; `plumbline github setup` makes another"))
}

/// Shows what was seen; the code says whether something of an App is red.
fn show(args: &Setup, seen: &Value, link: Option<&str>) -> ExitCode {
    let lines: Vec<Line> = seen["checks"].as_array().into_iter().flatten().map(line).collect();
    let is_bad = is_app(seen) && lines.iter().any(|line| line.grade == Some(Grade::Bad));
    let code = if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if args.json {
        let mut whole = seen.clone();
        whole["link"] = link.into();
        say(&format!("{whole:#}\n"));
        return code;
    }
    let style = Style::of_stdout();
    let url = seen["url"].as_str().unwrap_or("");
    match &seen["app_id"] {
        Value::Null => say(&format!("{}\n", style.ink(Ink::Path, &format!("no App at {url} yet")))),
        id => say(&format!("{}\n", style.ink(Ink::Path, &format!("App {id} at {url}")))),
    }
    lines.iter().for_each(|line| say(&line.text(&style)));
    match (link, is_bad) {
        (Some(link), _) => say(&format!("\nOpen this in a browser; it signs you in once, within 30 minutes:\n\n  {link}\n")),
        (None, true) => say("\nSomething does not work; what mends it stands beside it.\n"),
        (None, false) => match (seen["installations"].as_array().is_some_and(Vec::is_empty), seen["page"].as_str()) {
            (true, Some(page)) => say(&format!("\nNext, install it where the repositories are: {page}/installations/new\n")),
            _ => say("\nNothing is red.\n"),
        },
    }
    code
}

fn line(check: &Value) -> Line {
    let text = |name: &str| check[name].as_str().map(str::to_owned);
    let grade = match check["grade"].as_str() {
        Some("good") => Grade::Good,
        Some("weaker") => Grade::Weaker,
        _ => Grade::Bad,
    };
    Line { advice: text("advice"), ..Line::new(text("name").unwrap_or_default(), grade, text("says").unwrap_or_default()) }
}
