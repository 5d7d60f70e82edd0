//! Which images stay here once they were run.
//!
//! An image that was run has a name of ours, made of what it is pinned by; the name it was fetched by is given up again, so that ours is what
//! holds it. There are at most so many of these names, and the images behind them take at most so much room: of more, those go that were
//! run longest ago. What one was pinned by is kept elsewhere and stays, so that it is fetched again when it is next run, and is the same.
//!
//! Which were run when is known of this process alone; of those that it has not run the oldest go first. An image that has other names
//! besides is somebody else's too, and stays theirs; one that a container is made of is not taken away from under it.

use std::collections::HashMap;

use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder};

use super::image::digest_of;
use super::{No, Oci, Settings};

/// How names of ours begin, which nobody else may name.
pub(super) const OURS: &str = "localhost/plumbline/";

/// Which names were used, and in which order.
#[derive(Debug, Default)]
pub(super) struct Used {
    count: u64,
    last: HashMap<String, u64>,
}

impl Used {
    /// Notes that a name is used now; says whether it was before.
    fn note(&mut self, name: &str) -> bool {
        self.count += 1;
        self.last.insert(name.to_owned(), self.count).is_some()
    }

    /// Notes that a name is there no more.
    fn forget(&mut self, name: &str) {
        self.last.remove(name);
    }

    fn when(&self, name: &str) -> u64 {
        self.last.get(name).copied().unwrap_or(0)
    }
}

/// An image by a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    name: String,
    id: String,
    bytes: u64,
    created: i64,
    /// Other names that it was fetched by, if it has no tag but ours.
    digests: Vec<String>,
}

impl Held {
    /// Those among a daemon's images whose name begins so.
    fn among(images: Vec<ImageSummary>, prefix: &str) -> Vec<Held> {
        let held = images.into_iter().filter_map(|image| {
            let name = image.repo_tags.iter().find(|name| name.starts_with(prefix))?.clone();
            let is_ours_alone = image.repo_tags.iter().all(|name| name.starts_with(prefix));
            let digests = image.repo_digests.into_iter().filter(|name| is_ours_alone && !name.starts_with(OURS)).collect();
            Some(Held { name, id: image.id, bytes: u64::try_from(image.size).unwrap_or(0), created: image.created, digests })
        });
        held.collect()
    }
}

/// Those that are too many, longest unused first. The one that was used last stays, whatever it takes.
fn too_many(mut held: Vec<Held>, used: &Used, settings: &Settings) -> Vec<Held> {
    held.sort_by_key(|one| std::cmp::Reverse((used.when(&one.name), one.created)));
    let mut bytes = 0_u64;
    let fits = held.iter().enumerate().take_while(|(at, one)| {
        bytes = bytes.saturating_add(one.bytes);
        *at == 0 || *at < settings.kept_images && bytes <= settings.kept_bytes
    });
    let mut gone = held.split_off(fits.count());
    gone.reverse();
    gone
}

impl Oci {
    /// The name of ours that a pinned image has.
    pub(super) fn kept(&self, pinned: &str) -> String {
        format!("{}:{}", self.kept_repo(), tag(pinned))
    }

    fn kept_repo(&self) -> String {
        format!("{OURS}pinned/{}", self.instance)
    }

    /// Gives an image that was pinned its name of ours, and lets others go if there are too many now. Says whether it has the name.
    pub(super) fn keep(&self, id: &str, pinned: &str) -> bool {
        let options = TagImageOptionsBuilder::default().repo(&self.kept_repo()).tag(&tag(pinned)).build();
        if let Err(no) = self.ask("name an image", self.docker.tag_image(id, Some(options))) {
            tracing::warn!("`{pinned}` is given no name of ours: {}", no.why);
            return false;
        }
        let is_known = self.used().note(&self.kept(pinned));
        if !is_known && let Err(no) = self.let_go() {
            tracing::warn!("images that were not run for long are not looked for: {}", no.why);
        }
        true
    }

    /// Takes a name from an image, and the image away if that was its last.
    pub(super) fn unname(&self, name: &str) -> bool {
        match self.ask("take a name from an image", self.docker.remove_image(name, None::<RemoveImageOptions>, None)) {
            Ok(_) => true,
            Err(no) => {
                tracing::debug!("`{name}` stays: {}", no.why);
                no.is_missing()
            }
        }
    }

    /// Lets the images go that are too many; not while another is fetched, which is done with the next that is new then.
    fn let_go(&self) -> Result<(), No> {
        let Ok(_alone) = self.fetching.try_write() else { return Ok(()) };
        let all = self.ask("list its images", self.docker.list_images(Some(ListImagesOptionsBuilder::default().build())))?;
        let held = Held::among(all, &format!("{}:", self.kept_repo()));
        let gone = too_many(held, &self.used(), &self.settings);
        for one in gone {
            for digest in &one.digests {
                self.unname(digest);
            }
            if self.unname(&one.name) {
                // Fetched again, it is one more.
                self.used().forget(&one.name);
                tracing::info!("an image that was not run for longest is let go: {}", one.id);
            }
        }
        Ok(())
    }
}

/// The tag that an image has among ours.
fn tag(pinned: &str) -> String {
    digest_of(pinned).replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str, bytes: u64, created: i64) -> Held {
        Held { name: name.to_owned(), id: name.to_owned(), bytes, created, digests: Vec::new() }
    }

    fn gone(used: &[&str], settings: &Settings) -> Vec<String> {
        let mut known = Used::default();
        for name in used {
            known.note(name);
        }
        let all = vec![held("old", 10, 1), held("new", 10, 2), held("newest", 10, 3)];
        too_many(all, &known, settings).into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn of_too_many_images_those_go_that_were_run_longest_ago() {
        let most = |kept_images, kept_bytes| Settings { kept_images, kept_bytes, ..Settings::default() };
        assert_eq!(gone(&[], &most(3, 30)), [""; 0]);
        assert_eq!(gone(&[], &most(1, 30)), ["old", "new"], "the oldest, where none was run");
        assert_eq!(gone(&["old", "new"], &most(2, 30)), ["newest"]);
        assert_eq!(gone(&["old", "newest", "old"], &most(1, 30)), ["new", "newest"]);
        assert_eq!(gone(&["old", "new", "newest"], &most(9, 20)), ["old"]);
        assert_eq!(gone(&["new"], &most(9, 5)), ["old", "newest"], "the one that is being run stays, however large");
        assert_eq!(gone(&["new"], &most(0, 0)), ["old", "newest"]);
    }

    #[test]
    fn what_has_another_name_is_somebody_elses_too() {
        let image = |tags: &[&str]| ImageSummary {
            id: "sha256:1".to_owned(),
            repo_tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            repo_digests: vec!["acme/lint@sha256:2".to_owned(), "localhost/plumbline/pinned/me@sha256:2".to_owned()],
            ..ImageSummary::default()
        };
        let prefix = "localhost/plumbline/pinned/me:";
        let ours = "localhost/plumbline/pinned/me:sha256-2";
        let among = |tags: &[&str]| Held::among(vec![image(tags)], prefix);
        assert_eq!(among(&[ours])[0].digests, ["acme/lint@sha256:2"]);
        assert_eq!(among(&[ours, "acme/lint:v1"])[0].digests, [""; 0]);
        assert_eq!(among(&["acme/lint:v1", "localhost/plumbline/pinned/you:sha256-2"]), []);
    }
}
