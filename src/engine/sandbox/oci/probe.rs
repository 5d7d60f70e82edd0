//! What a daemon says of itself that a run rests on.
//!
//! Nothing is run: which images there are is the operator's business. That it makes and removes containers as it should is seen at the first
//! check that is an image.

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::Oci;
use crate::engine::sandbox::probe::{Finding, Grade};
use crate::engine::sandbox::{Keeper, Limit, Result};

impl Oci {
    /// Looks at what this daemon is, and at what keeps each bound.
    pub fn self_test(&self) -> Result<Vec<Finding>> {
        let info = self.ask("say what it can do", self.docker.info())?;
        self.ask("list its containers", self.docker.list_containers(Some(ListContainersOptionsBuilder::default().build())))?;
        let version = info.server_version.unwrap_or_else(|| "of a version that it does not say".to_owned());
        let says = crate::base::text::quiet(&format!("{version} answers at `{}` and lists its containers", self.socket.display()));
        let mut findings = vec![Finding { name: "daemon", grade: Grade::Good, says, advice: None }];
        let has_filter = info.security_options.iter().flatten().any(|option| option.contains("seccomp"));
        findings.push(match has_filter {
            true => Finding { name: "system calls", grade: Grade::Good, says: "filtered".to_owned(), advice: None },
            false => Finding {
                name: "system calls",
                grade: Grade::Weaker,
                says: "the daemon does not say that it filters them".to_owned(),
                advice: Some("let the daemon use its default seccomp profile"),
            },
        });
        findings.extend(self.limits_in_force().into_iter().map(|(limit, keeper)| of_limit(limit, keeper)));
        Ok(findings)
    }
}

fn of_limit(limit: Limit, keeper: Keeper) -> Finding {
    let says = format!("{} is kept by {}", limit.words(), keeper.words());
    match keeper.is_weaker_for(limit) {
        false => Finding { name: "limit", grade: Grade::Good, says, advice: None },
        true => Finding { name: "limit", grade: Grade::Weaker, says, advice: advice(limit) },
    }
}

fn advice(limit: Limit) -> Option<&'static str> {
    match limit {
        Limit::Memory | Limit::Processes => Some("a daemon that may make cgroups counts all processes of a container together"),
        Limit::Disk | Limit::Names => Some("keep the daemon's volumes on a disk of their own"),
        Limit::Cpu | Limit::FileSize | Limit::Output => None,
    }
}
