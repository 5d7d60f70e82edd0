//! What several suites need: the appliance and its clients, repositories, disks that fail, and randomness that can be replayed.

pub mod app;
pub mod browser;
pub mod client;
pub mod crash;
pub mod daemon;
pub mod deliveries;
// A host that serves repositories, and the packs it sends, are those of the tests beside the engine: one host, one kind of git.
#[expect(dead_code, reason = "the engine's own tests make more of it")]
#[path = "../../src/engine/git/tests/fixture.rs"]
pub mod fixture;
pub mod github;
pub mod host;
pub mod issuer;
pub mod raw;
pub mod registry;
pub mod repo;
#[expect(dead_code, reason = "the engine's own tests ask for more of it")]
#[path = "../../src/engine/git/tests/server.rs"]
pub mod server;
pub mod steps;
pub mod world;

/// A directory for temporary files: in memory where there is room, since what these tests wait for is mostly the disk. What survives a
/// power cut is tested with a disk that loses it, not here.
pub fn temporary() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let is_roomy = rustix::fs::statvfs(memory).is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) > ROOM);
    let made = if is_roomy { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

/// Says that a test is skipped for want of something, which is a failure where `PLUMBLINE_REQUIRE` names what the test is for.
pub fn skipped(what: &str, missing: &str) {
    let is_required = std::env::var("PLUMBLINE_REQUIRE").is_ok_and(|all| all.split(',').any(|one| one == what));
    assert!(!is_required, "PLUMBLINE_REQUIRE names the {what}, but {missing}");
    println!("skipped: {missing}");
}

/// How much room in memory is enough for all tests at once.
const ROOM: u64 = 2 << 30;

/// Randomness from a seed: the same for the same seed, on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// `SplitMix64`.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Yes in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
