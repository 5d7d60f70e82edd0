//! How much pages read: counted in rows, so that a page that reads what it has read already is found on any machine.

use plumbline::engine::store::Scan;

use crate::support::repo::TestRepo;
use crate::support::world::World;

/// How many rows are read for a page.
async fn rows_read_by(world: &World, path: &str) -> u64 {
    let read = || world.app.app().store.statistics().rows_read;
    let before = read();
    world.admin.page(path).await.expect(200);
    read() - before
}

#[tokio::test]
async fn a_commit_page_reads_what_stands_there_once() {
    const FILES: usize = 300;
    let world = World::new().await;
    let git = TestRepo::new();
    git.commit((0..FILES).map(|n| (format!("dir{}/f{n}.json", n % 9), "{\n")));
    let sha = git.commit([("new.json", "[\n")]);
    world.add("app", git.path()).await;
    let app = world.app.app();
    let chunks = app.read_now(|tx, _| tx.count(&Scan::<plumbline::domain::issues::Chunk>::all(), 1_000)).unwrap() as u64;
    assert!(chunks > FILES as u64);
    // The chunks, the issues whose rows are shown, and what every page asks for.
    let read = rows_read_by(&world, &format!("/r/local/app/commits/{sha}")).await;
    assert!((chunks..chunks + 250).contains(&read), "{read} rows were read to show {chunks} chunks");

    let file = rows_read_by(&world, &format!("/r/local/app/commits/{sha}/files/dir1/f1.json")).await;
    assert!(file < 100, "{file} rows were read to show a file with one issue");
    let tree = rows_read_by(&world, &format!("/r/local/app/commits/{sha}/tree")).await;
    assert!(tree < 100, "{tree} rows were read to show a folder");
}

#[tokio::test]
async fn home_reads_a_few_rows_of_each_repository_however_long_its_history_is() {
    let world = World::new().await;
    let git = TestRepo::new();
    for n in 0..200 {
        git.commit([("a.rb", format!("puts {n}\n"))]);
    }
    for name in ["one", "two", "three"] {
        world.add(name, git.path()).await;
    }
    let alone = rows_read_by(&world, "/?q=three").await;
    let all = rows_read_by(&world, "/").await;
    let each = (all - alone) / 2;
    assert!(each > 60 && each < 160, "{each} rows were read for a repository");
}

#[tokio::test]
async fn a_file_made_to_hold_up_its_page_is_shown_soon_and_plain() {
    let world = World::new().await;
    let git = TestRepo::new();
    let deep = format!("{}\n", "a<(\"\\".repeat(390)).repeat(400);
    let files = [
        ("bundle.min.js", format!("var a={};\n", "[1,\"x\",".repeat(430_000))),
        ("wide.js", format!("var a={};\n", "[1,\"x\",".repeat(130_000))),
        ("deep.cpp", deep.clone()),
        ("deep.md", deep),
    ];
    assert!(files[0].1.len() > 3_000_000 && files[1].1.len() < 1 << 20);
    let sha = git.commit(files);
    world.add("app", git.path()).await;
    for (path, says) in [("bundle.min.js", "The file is larger than"), ("wide.js", "var a="), ("deep.cpp", "a&lt;("), ("deep.md", "a&lt;(")]
    {
        let begun = std::time::Instant::now();
        let page = world.admin.page(&format!("/r/local/app/commits/{sha}/files/{path}")).await.expect(200).text();
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{path} took {:?}", begun.elapsed());
        assert!(page.contains(says), "{path}: {}", &page[..page.len().min(3_000)]);
    }
}
