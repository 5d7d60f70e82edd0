//! Which check goes when.
//!
//! What is built in goes first: it never waits behind programs, which may wait for those of others. Of the programs, the one goes first that
//! took longest at the commits before: several run at a time, and a set ends soonest when it is not the longest that is begun last (R. L.
//! Graham, "Bounds on multiprocessing timing anomalies", 1969: at most 4/3 of the shortest time there is).

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Run, Stop};
use crate::domain::checks;
use crate::domain::checks::plan::Planned;

/// How many commits back it is looked how long a program took.
const LOOK_BACK: usize = 8;

impl Run<'_> {
    /// What of the plan waits for nobody, in the order in which it goes. A program that is new may take long, and goes before those that
    /// are known.
    pub(super) fn turns(&self, planned: &[Planned]) -> Result<Vec<Planned>, Stop> {
        let goes: Vec<Planned> = planned.iter().filter(|one| one.waits_for.is_none()).cloned().collect();
        let programs = goes.iter().filter(|one| one.starts_process()).count();
        let took = if programs > 1 { self.took(programs)? } else { HashMap::new() };
        Ok(in_turn(goes, &took))
    }

    /// How many milliseconds each program took when it last ran at a commit before this, until so many are known.
    fn took(&self, programs: usize) -> Result<HashMap<String, u64>, Stop> {
        let (repo, mut took) = (self.set.repo, HashMap::new());
        for sha in self.trees.ancestors(self.set.sha).take(LOOK_BACK) {
            // Where the history ends, or is not all here, what is known is enough.
            let Ok(sha) = sha else { break };
            let Some(set) = self.app.read_now(move |tx, _| checks::look(tx, repo, sha))? else { continue };
            for check in set.checks {
                if let Some(ran) = check.execution.filter(|ran| ran.kept_from.is_none()) {
                    took.entry(check.name).or_insert(ran.wall_ms);
                }
            }
            if took.len() >= programs {
                break;
            }
        }
        Ok(took)
    }
}

/// Puts in order what goes, by how many milliseconds each program took.
fn in_turn(mut goes: Vec<Planned>, took: &HashMap<String, u64>) -> Vec<Planned> {
    goes.sort_by_key(|one| (one.starts_process(), Reverse(took.get(&one.name).copied().unwrap_or(u64::MAX))));
    goes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checks::plan::plan;
    use crate::domain::repos::manifest::{self, ManifestName};
    use crate::domain::secrets::Known;

    #[test]
    fn what_took_longest_before_goes_first_behind_what_is_built_in_and_what_is_new() {
        let text =
            "version: 1\nchecks:\n- plugin: ruff\n- plugin: todo\n- plugin: mypy\n- plugin: bandit\n- plugin: eslint\n- plugin: large\n";
        let manifest = manifest::parse(ManifestName::ALL[0], text.as_bytes()).unwrap();
        let planned = plan(Some(&manifest), &[], &Known::default());
        let took = [("ruff", 10), ("mypy", 900), ("bandit", 200)].map(|(name, ms)| (name.to_owned(), ms)).into();
        let names: Vec<String> = in_turn(planned, &took).into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["todo", "large", "eslint", "mypy", "bandit", "ruff"]);
    }
}
