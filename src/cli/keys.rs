//! `plumbline keys`: the vault's own key, and the keys for SSH, from the host.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Result, admin, say};
use crate::app::config::Config;
use crate::base::text::count;

/// What `plumbline keys` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Gives the vault another key, seals every secret to it while all goes on, and lets go of the old one
    #[command(after_help = "Copies of the data that were made before need the copy of the key file that was made with them.")]
    Rotate {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes every SSH key anew that was made here; where its public half was entered, the new one has to be
    Regenerate {
        /// Says that the keys there are now are of no use afterwards
        #[arg(long, required = true)]
        yes: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes those SSH keys anew that cannot be opened any more, and names the secrets to be set anew
    #[command(after_help = "A key file that is lost, damaged or another's is begun anew; what was in its place is kept beside it.")]
    RegenerateMissing {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Rotate { json } => {
            let vault = admin::ask(config, "POST", "/api/v1/admin/vault/rotate", None)?;
            say(&if *json { format!("{vault:#}\n") } else { rotated(&vault) });
        }
        Command::Regenerate { json, .. } => regenerate(config, false, *json)?,
        Command::RegenerateMissing { json } => regenerate(config, true, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn rotated(vault: &Value) -> String {
    let keys = vault["keys"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |state: &str| keys.iter().filter(|key| key["state"] == state).collect::<Vec<_>>();
    let waiting: u64 = of("retiring").iter().filter_map(|key| key["sealed"].as_u64()).sum();
    let present = of("present").first().and_then(|key| key["recipient"].as_str()).unwrap_or_default().to_owned();
    let then = match waiting {
        0 => "nothing was sealed to the key before".to_owned(),
        _ => format!("{} to be sealed to it, which the server does as it goes on", count(waiting, "value")),
    };
    format!("the vault's key is {present}; {then}. Make a new copy of the key file.\n")
}

fn regenerate(config: &Config, missing_only: bool, json: bool) -> Result<()> {
    let made = admin::ask(config, "POST", "/api/v1/admin/keys/regenerate", Some(&json!({"missing_only": missing_only})))?;
    say(&if json { format!("{made:#}\n") } else { regenerated(&made) });
    Ok(())
}

fn regenerated(made: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows = |list: &str| made[list].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    if let Some(key) = made["vault_key"].as_str() {
        out += &format!("the key file was lost and is begun anew; the vault's key is {key}\n");
    }
    let keys = rows("regenerated");
    out += &format!("{} made anew\n", count(keys.len() as u64, "SSH key"));
    for key in &keys {
        out += &format!("  {} {}\n    {}\n", text(&key["repo"]), text(&key["fingerprint"]), text(&key["public_key"]));
    }
    for key in rows("to_give") {
        out += &format!("give the key `{}` of {} again: it cannot be opened\n", text(&key["name"]), text(&key["repo"]));
    }
    for secret in rows("to_set") {
        let whose = secret["repo"].as_str().unwrap_or("the instance").to_owned();
        out += &format!("set the secret `{}` of {whose} anew: it cannot be opened\n", text(&secret["name"]));
    }
    for login in rows("lost_codes") {
        out += &format!(
            "{} signs in with a recovery code, or has their codes taken away: those from an app cannot be checked\n",
            text(&login)
        );
    }
    for purpose in rows("lost_of_github") {
        let what = text(&purpose).replace('_', " ").replace("github", "GitHub");
        out += &format!("make the {what} anew in the settings of your App there, and name it in the configuration: it cannot be opened\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_be_done_by_hand_is_named() {
        let key = json!({"repo": "acme/app", "name": "deploy", "fingerprint": "SHA256:x", "public_key": "ssh-ed25519 A deploy"});
        let made = json!({
            "vault_key": "age1x", "regenerated": [key], "to_give": [key], "to_set": [{"repo": null, "name": "TOKEN"}],
            "lost_codes": ["ada"], "lost_of_github": ["github_webhook_secret"],
        });
        let told = "the key file was lost and is begun anew; the vault's key is age1x\n1 SSH key made anew\n  acme/app SHA256:x\n    \
                    ssh-ed25519 A deploy\ngive the key `deploy` of acme/app again: it cannot be opened\nset the secret `TOKEN` of the \
                    instance anew: it cannot be opened\nada signs in with a recovery code, or has their codes taken away: those from an app cannot be \
                    checked\nmake the GitHub webhook secret anew in the settings of your App there, and name it in the configuration: it \
                    cannot be opened\n";
        assert_eq!(regenerated(&made), told);
    }

    #[test]
    fn a_rotation_says_what_follows() {
        let keys =
            json!([{"state": "retiring", "sealed": 3, "recipient": "age1a"}, {"state": "present", "sealed": 0, "recipient": "age1b"}]);
        let told = rotated(&json!({"keys": keys}));
        assert!(told.contains("key is age1b; 3 values to be sealed to it"), "{told}");
        assert!(rotated(&json!({"keys": []})).contains("nothing was sealed"));
    }
}
