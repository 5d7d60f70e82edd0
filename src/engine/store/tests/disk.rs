//! What the engine on disk promises beyond the other: it keeps, it upgrades, it refuses.

use std::os::unix::fs::PermissionsExt;

use super::*;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.redb")
    }

    fn open(&self, schema: Schema) -> Result<Store> {
        Store::open(&self.path(), schema, Ids::seeded(1), deaf())
    }
}

/// The notes as another binary declares them: the same rows, `by_owner` of another shape, no `by_due`, and `by_body` that was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OtherNote {
    id: u32,
    owner: String,
    rank: i64,
    due: Option<i64>,
    tags: Vec<u8>,
    body: String,
}

const OTHER_BY_OWNER: Index<OtherNote, (i64, String)> = Index::on("by_owner", |note| (note.rank, note.owner.clone()));
const OTHER_BY_BODY: Index<OtherNote, String> = Index::on("by_body", |note| note.body.clone());

impl Record for OtherNote {
    const TABLE: &'static str = "notes";
    const VERSION: u16 = 1;
    type Key = u32;

    fn key(&self) -> u32 {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&OTHER_BY_OWNER, &OTHER_BY_BODY]
    }
}

fn other_schema() -> Schema {
    Schema { number: 1, tables: vec![TableSpec::of::<OtherNote>(), TableSpec::of::<journal::Journaled>()], migrations: &[] }
}

#[test]
fn all_is_there_after_opening_again() {
    let place = Place::new();
    let store = place.open(schema()).unwrap();
    put(&store, (0..50).map(|id| Note { due: Some(1), ..note(id, "ada") }));
    write(&store, happen);
    drop(store);
    let store = place.open(schema()).unwrap();
    assert_eq!(found(&store, &BY_DUE.all()).len(), 50);
    write(&store, happen);
    assert_eq!(journal_numbers(&store), [1, 2]);
    assert_verified(&store);
}

#[test]
fn an_index_of_another_shape_is_built_anew_and_one_that_is_gone_is_dropped() {
    let place = Place::new();
    let store = place.open(schema()).unwrap();
    put(&store, (0..30).map(|id| Note { due: Some(1), rank: -i64::from(id), ..note(id, "ada") }));
    drop(store);

    let store = place.open(other_schema()).unwrap();
    let by_rank = store.read().unwrap().find(&OTHER_BY_OWNER.all(), 3).unwrap();
    assert_eq!(by_rank.iter().map(|note| note.id).collect::<Vec<_>>(), [29, 28, 27]);
    assert_eq!(store.read().unwrap().count(&OTHER_BY_BODY.all(), 100).unwrap(), 30);
    assert_verified(&store);
    // What the other binary did not maintain is not trusted when the first one comes back.
    store.write::<_, Error>(|tx| tx.remove::<OtherNote>(&7)).unwrap();
    drop(store);

    let store = place.open(schema()).unwrap();
    assert_eq!(found(&store, &BY_DUE.all()).len(), 29);
    assert_verified(&store);
}

#[test]
fn a_table_that_no_record_has_is_refused_and_kept() {
    let place = Place::new();
    drop(place.open(schema()).unwrap());
    let fewer = Schema { number: 1, tables: vec![TableSpec::of::<journal::Journaled>()], migrations: &[] };
    let refused = place.open(fewer).err().unwrap();
    assert!(matches!(&refused, Error::UnknownTable { table, .. } if table == "notes@1"), "{refused}");
    assert_verified(&place.open(schema()).unwrap());
}

#[test]
fn a_newer_store_is_refused_in_words() {
    let place = Place::new();
    drop(place.open(Schema { number: 4, ..schema() }).unwrap());
    let refused = place.open(Schema { number: 3, ..schema() }).err().unwrap();
    let path = place.path();
    assert_eq!(
        refused.to_string(),
        format!("`{}` was written by a newer plumbline (schema 4, this binary knows 3); upgrade plumbline", path.display())
    );
}

/// The notes of schema 2: the owner in capitals; of schema 3: the body twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LaterNote<const VERSION: u16>(Note);

const LATER_BY_OWNER: Index<LaterNote<3>, String> = Index::on("by_owner", |note| note.0.owner.clone());

impl Record for LaterNote<3> {
    const TABLE: &'static str = "notes";
    const VERSION: u16 = 3;
    type Key = u32;

    fn key(&self) -> u32 {
        self.0.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&LATER_BY_OWNER]
    }
}

const TO_2: Migration = Migration {
    to: 2,
    title: "owners shout",
    run: |tx| tx.rewrite("notes@1", "notes@2", |old: Note| Some(Note { owner: old.owner.to_uppercase(), ..old })),
};
const TO_3: Migration = Migration {
    to: 3,
    title: "bodies repeat",
    run: |tx| tx.rewrite("notes@2", "notes@3", |old: Note| (old.id != 13).then(|| Note { body: old.body.repeat(2), ..old })),
};
const TO_3_FAILING: Migration = Migration {
    to: 3,
    title: "bodies repeat",
    run: |tx| {
        (TO_3.run)(tx)?;
        Err(Error::Full)
    },
};

fn later_schema(migrations: &'static [Migration]) -> Schema {
    Schema { number: 3, tables: vec![TableSpec::of::<LaterNote<3>>(), TableSpec::of::<journal::Journaled>()], migrations }
}

#[test]
fn steps_run_in_order_and_resume_after_one_that_failed() {
    let place = Place::new();
    let store = place.open(schema()).unwrap();
    put(&store, (0..20).map(|id| note(id, "ada")));
    drop(store);

    let failed = place.open(later_schema(&[TO_2, TO_3_FAILING])).err().unwrap();
    assert_eq!(
        failed.to_string(),
        "cannot bring the store to schema 3 (bodies repeat): no space is left on the disk that holds the store; make room, then try again"
    );
    // It stands at schema 2: the binary of schema 1 finds it newer, and the first step does not run again.
    assert!(matches!(place.open(schema()), Err(Error::Newer { found: 2, known: 1, .. })));
    let store = place.open(later_schema(&[TO_2, TO_3])).unwrap();
    let tx = store.read().unwrap();
    let migrated = tx.get::<LaterNote<3>>(&7).unwrap().unwrap().0;
    assert_eq!((migrated.owner.as_str(), migrated.body.as_str()), ("ADA", "note 7note 7"));
    assert_eq!(tx.count(&LATER_BY_OWNER.exactly(&"ADA".to_owned()), 100).unwrap(), 19, "a step may drop a row");
    assert_verified(&store);
}

#[test]
fn an_older_store_is_copied_before_its_first_step() {
    let place = Place::new();
    let store = place.open(schema()).unwrap();
    put(&store, [note(1, "ada")]);
    drop(store);
    drop(place.open(later_schema(&[TO_2, TO_3])).unwrap());

    let copy = place.dir.path().join("store.redb.schema-1");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let store = Store::open(&copy, schema(), Ids::seeded(1), deaf()).unwrap();
    assert_eq!(found(&store, &BY_OWNER.all()), [1], "the copy opens with the binary that wrote it");
    assert_verified(&store);
}

#[test]
fn a_schema_without_a_step_to_it_is_refused_untouched() {
    let place = Place::new();
    drop(place.open(schema()).unwrap());
    assert!(matches!(place.open(later_schema(&[TO_3])), Err(Error::Migration { to: 3, .. })));
    drop(place.open(schema()).unwrap());
}

#[test]
fn a_second_opening_is_refused_while_the_first_lasts() {
    let place = Place::new();
    let first = place.open(schema()).unwrap();
    let refused = place.open(schema()).err().unwrap();
    assert!(matches!(&refused, Error::Locked { path } if *path == place.path()), "{refused}");
    put(&first, [note(1, "ada")]);
    drop(first);
    assert_eq!(found(&place.open(schema()).unwrap(), &Scan::all()), [1]);
}

#[test]
fn the_file_and_its_lock_are_the_owners_alone() {
    let place = Place::new();
    let _store = place.open(schema()).unwrap();
    for entry in std::fs::read_dir(place.dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

/// redb does not open a file that it had not finished creating: the magic number is missing. The crash suite found it.
#[test]
fn what_a_power_cut_left_of_a_creation_does_not_stand_in_the_way() {
    let place = Place::new();
    std::fs::write(place.path().with_extension("redb.new"), vec![0; 9_000]).unwrap();
    put(&place.open(schema()).unwrap(), [note(1, "ada")]);
    assert_eq!(found(&place.open(schema()).unwrap(), &Scan::all()), [1]);
    assert!(!place.path().with_extension("redb.new").exists());
}

#[test]
fn a_row_that_is_not_what_its_version_says_is_an_error_and_found_by_verify() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Stranger(u32);
    impl Record for Stranger {
        const TABLE: &'static str = "notes";
        const VERSION: u16 = 1;
        type Key = u32;
        fn key(&self) -> u32 {
            self.0
        }
    }
    let store = in_memory();
    put(&store, [Note { due: Some(4), ..note(1, "ada") }]);
    write(&store, |tx| tx.put(&Stranger(1)));
    assert!(matches!(store.read().unwrap().get::<Note>(&1), Err(Error::Decode { table: "notes", version: 1, .. })));
    let tables: Vec<String> = store.verify().unwrap().into_iter().map(|found| found.table).collect();
    assert_eq!(tables, ["notes@1", "notes@1.by_owner(text,i64)", "notes@1.by_due(i64)"]);
    // Gone without its entries: the index dangles, and says so.
    write(&store, |tx| tx.remove::<Stranger>(&1));
    assert!(matches!(store.read().unwrap().find(&BY_DUE.all(), 1), Err(Error::DanglingIndex { index: "by_due", .. })));
}

#[test]
fn the_memory_engine_and_redb_keep_the_same_rows() {
    let (memory, redb) = (in_memory(), on_redb_in_memory());
    for store in [&memory, &redb] {
        put(store, (0..10).map(|id| Note { due: Some(i64::from(id % 3)), ..note(id, "ada") }));
    }
    assert_eq!(found(&memory, &BY_DUE.all()), found(&redb, &BY_DUE.all()));
}
