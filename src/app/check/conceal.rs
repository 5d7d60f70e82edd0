//! Keeping what a tool conceals out of what others say of the same lines.
//!
//! What our own check for secrets knows is left out of every line as it is looked up, whoever speaks of it. What a tool finds is known once
//! it has run, when others have had their say of the same lines, at this commit or at one before: those then have no excerpt.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Stop;
use super::judge::{Judge, Judged};
use crate::base::name::TreePath;
use crate::domain::checks::plan::{Planned, Runner};
use crate::domain::issues::Veil;
use crate::domain::issues::standing::{Chunk, ChunkRef, load};

impl Judge<'_> {
    /// Takes the excerpts from all that stands on a line with something that a tool of the plan conceals.
    pub(super) fn conceal(&self, planned: &[Planned], judged: &mut [Judged]) -> Result<(), Stop> {
        let is_concealing = |planned: &&Planned| matches!(&planned.runner, Ok(Runner::Tool(tool)) if tool.conceals);
        let tools: HashSet<&str> = planned.iter().filter(is_concealing).map(|planned| planned.name.as_str()).collect();
        if tools.is_empty() {
            return Ok(());
        }
        let mut veils: BTreeMap<TreePath, Veil> = BTreeMap::new();
        for located in judged.iter().flat_map(|one| &one.found).filter(|located| tools.contains(located.source.as_str())) {
            veils.entry(located.finding.path.clone()).or_default().extend(located.finding.span);
        }
        let fresh: BTreeSet<TreePath> = veils.keys().cloned().collect();
        let quoted: HashSet<&TreePath> = judged
            .iter()
            .flat_map(|one| &one.found)
            .filter(|located| located.excerpt.is_some() && !tools.contains(located.source.as_str()))
            .map(|located| &located.finding.path)
            .collect();
        let known: Vec<ChunkRef> = judged
            .iter()
            .flat_map(|one| &one.kept)
            .filter(|chunk| tools.contains(chunk.source.as_str()) && quoted.contains(&chunk.path))
            .cloned()
            .collect();
        for chunk in self.load(&known)? {
            veils.entry(chunk.path.clone()).or_default().extend(chunk.concealed());
        }
        for one in judged {
            for located in one.found.iter_mut().filter(|located| !tools.contains(located.source.as_str())) {
                let veil = veils.get(&located.finding.path);
                if veil.zip(located.place.line()).is_some_and(|(veil, line)| veil.touches(line)) {
                    located.excerpt = None;
                }
            }
            self.conceal_kept(one, &veils, |chunk| fresh.contains(&chunk.path) && !tools.contains(chunk.source.as_str()))?;
        }
        Ok(())
    }

    /// The same in chunks that are kept: those that say too much are replaced.
    fn conceal_kept(&self, one: &mut Judged, veils: &BTreeMap<TreePath, Veil>, of: impl Fn(&ChunkRef) -> bool) -> Result<(), Stop> {
        for kept in one.kept.iter_mut().filter(|chunk| of(chunk)) {
            let Some(veil) = veils.get(&kept.path) else { continue };
            let unwritten = one.carried.iter().position(|chunk| chunk.id == kept.chunk);
            let chunk = match unwritten {
                Some(at) => Some(one.carried[at].clone()),
                None => self.load(std::slice::from_ref(kept))?.pop(),
            };
            let Some(Chunk { repo, path, source, mut occurrences, .. }) = chunk else { continue };
            let mut is_changed = false;
            for occurrence in &mut occurrences {
                if occurrence.excerpt.is_some() && occurrence.span.is_some_and(|span| veil.touches(span.line_start)) {
                    occurrence.excerpt = None;
                    is_changed = true;
                }
            }
            if is_changed {
                let chunk = Chunk::new(repo, path, source, occurrences);
                kept.chunk = chunk.id;
                match unwritten {
                    Some(at) => one.carried[at] = chunk,
                    None => one.carried.push(chunk),
                }
            }
        }
        Ok(())
    }

    fn load(&self, refs: &[ChunkRef]) -> Result<Vec<Chunk>, Stop> {
        let repo = self.run.set.repo;
        Ok(self.run.app.read_now(|tx, _| load(tx, repo, refs))?)
    }
}
