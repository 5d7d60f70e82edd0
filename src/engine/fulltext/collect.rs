//! One pass over the entries that a query finds: how many, the first of them in an order, and how often each keyword occurs.
//!
//! A page begins after a *place*: the values that the last entry of the page before was sorted by, and its key. So an entry that comes
//! in between neither repeats one nor hides one.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Cardinality, Column, ColumnValues, StrColumn};
use tantivy::query::Weight;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocId, Score, SegmentOrdinal, SegmentReader};

use super::layout::{KEY_HIGH, KEY_LOW};
use super::{Direction, Order};

/// The keywords that a facet names: the most frequent.
pub const FACET_VALUES_MAX: usize = 50;

/// Where an entry stands in an order: two values and the key, turned so that smaller is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub [u64; 4]);

/// How often keywords of a field occur, the most frequent first.
pub type Facet = (&'static str, Vec<(String, u64)>);

/// What is to be collected.
#[derive(Debug, Clone)]
pub(super) struct Collect {
    pub order: Order,
    /// How many places to keep.
    pub keep: usize,
    pub after: Option<Place>,
    pub facets: Vec<&'static str>,
}

/// What was collected, in a segment or in all.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub total: u64,
    pub places: Vec<Place>,
    pub facets: Vec<Facet>,
}

impl Place {
    /// The key of the entry that stands here, in that order.
    pub(super) fn key(&self, order: Order) -> u128 {
        let turn = turn(order.last_direction());
        u128::from(self.0[2] ^ turn) << 64 | u128::from(self.0[3] ^ turn)
    }
}

/// What turns a value so that smaller is earlier.
fn turn(direction: Direction) -> u64 {
    match direction {
        Direction::Ascending => 0,
        Direction::Descending => u64::MAX,
    }
}

impl Collector for Collect {
    type Fruit = Collected;
    type Child = SegmentCollect;

    fn for_segment(&self, _: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentCollect> {
        let columns = reader.fast_fields();
        let mut sorted = Vec::new();
        for (field, direction) in self.order.fields() {
            let values = columns.u64_lenient(field)?.map(|(column, _)| column.first_or_default_col(0));
            sorted.push((values, turn(*direction)));
        }
        let key = |name| tantivy::Result::Ok(columns.u64(name)?.first_or_default_col(0));
        let mut facets = Vec::new();
        for field in &self.facets {
            if let Some(texts) = columns.str(field)? {
                facets.push(Counting::new(field, texts));
            }
        }
        Ok(SegmentCollect {
            total: 0,
            by_score: matches!(self.order, Order::Score),
            sorted,
            key: [key(KEY_HIGH)?, key(KEY_LOW)?],
            key_turn: turn(self.order.last_direction()),
            after: self.after,
            keep: self.keep,
            places: BinaryHeap::with_capacity(self.keep + 1),
            facets,
        })
    }

    fn requires_scoring(&self) -> bool {
        matches!(self.order, Order::Score)
    }

    fn collect_segment(
        &self,
        weight: &dyn Weight,
        number: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<tantivy::Result<Collected>> {
        let mut segment = self.for_segment(number, reader)?;
        let alive = reader.alive_bitset();
        if self.requires_scoring() {
            weight.for_each(reader, &mut |doc, score| {
                if alive.is_none_or(|alive| alive.is_alive(doc)) {
                    segment.collect(doc, score);
                }
            })?;
        } else {
            let mut living = Vec::with_capacity(COLLECT_BLOCK_BUFFER_LEN);
            weight.for_each_no_score(reader, &mut |docs| match alive {
                None => segment.collect_block(docs),
                Some(alive) => {
                    living.clear();
                    living.extend(docs.iter().copied().filter(|doc| alive.is_alive(*doc)));
                    segment.collect_block(&living);
                }
            })?;
        }
        Ok(segment.harvest())
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Collected>>) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        let mut counts: HashMap<(&'static str, String), u64> = HashMap::new();
        for segment in segments {
            let segment = segment?;
            all.total += segment.total;
            all.places.extend(segment.places);
            for (field, values) in segment.facets {
                for (value, count) in values {
                    *counts.entry((field, value)).or_default() += count;
                }
            }
        }
        all.places.sort_unstable();
        all.places.truncate(self.keep);
        all.facets = self.facets.iter().map(|field| (*field, Vec::new())).collect();
        for ((field, value), count) in counts {
            if let Some((_, values)) = all.facets.iter_mut().find(|(name, _)| *name == field) {
                values.push((value, count));
            }
        }
        for (_, values) in &mut all.facets {
            values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(FACET_VALUES_MAX);
        }
        Ok(all)
    }
}

type Values = Arc<dyn ColumnValues<u64>>;

/// The collection of one segment.
pub(super) struct SegmentCollect {
    total: u64,
    by_score: bool,
    sorted: Vec<(Option<Values>, u64)>,
    key: [Values; 2],
    key_turn: u64,
    after: Option<Place>,
    keep: usize,
    /// The earliest so far, the latest of them on top.
    places: BinaryHeap<Place>,
    facets: Vec<Counting>,
}

impl SegmentCollect {
    fn sorted_by(&self, at: usize, doc: DocId, score: Score) -> u64 {
        match self.sorted.get(at) {
            Some((Some(values), turn)) => values.get_val(doc) ^ turn,
            Some((None, turn)) => *turn,
            // The bits of scores, which are not negative, are ordered as they are; the best is the first.
            None if self.by_score && at == 0 => !u64::from(score.to_bits()),
            None => 0,
        }
    }

    /// Keeps the entry if it is among the first.
    fn place(&mut self, doc: DocId, score: Score) {
        let first = self.sorted_by(0, doc, score);
        if self.after.is_some_and(|after| first < after.0[0]) {
            return;
        }
        let is_full = self.places.len() == self.keep;
        if is_full && self.places.peek().is_none_or(|latest| first > latest.0[0]) {
            return;
        }
        let [high, low] = &self.key;
        let place = Place([first, self.sorted_by(1, doc, score), high.get_val(doc) ^ self.key_turn, low.get_val(doc) ^ self.key_turn]);
        if self.after.is_some_and(|after| place <= after) || (is_full && self.places.peek().is_some_and(|latest| place >= *latest)) {
            return;
        }
        if is_full {
            self.places.pop();
        }
        self.places.push(place);
    }
}

impl SegmentCollector for SegmentCollect {
    type Fruit = tantivy::Result<Collected>;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        self.place(doc, score);
        for facet in &mut self.facets {
            facet.count(&[doc]);
        }
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        self.total += docs.len() as u64;
        for doc in docs {
            self.place(*doc, 0.0);
        }
        for facet in &mut self.facets {
            facet.count(docs);
        }
    }

    fn harvest(self) -> tantivy::Result<Collected> {
        let facets = self.facets.into_iter().map(Counting::finish).collect::<std::io::Result<_>>()?;
        Ok(Collected { total: self.total, places: self.places.into_vec(), facets })
    }
}

/// Counts the keywords of one field by their numbers in the segment.
struct Counting {
    field: &'static str,
    texts: StrColumn,
    numbers: Column<u64>,
    is_full: bool,
    counts: Vec<u64>,
    block: [u64; COLLECT_BLOCK_BUFFER_LEN],
}

impl Counting {
    fn new(field: &'static str, texts: StrColumn) -> Counting {
        let numbers = texts.ords().clone();
        let is_full = numbers.get_cardinality() == Cardinality::Full;
        let counts = vec![0; texts.num_terms()];
        Counting { field, texts, numbers, is_full, counts, block: [0; COLLECT_BLOCK_BUFFER_LEN] }
    }

    fn count(&mut self, docs: &[DocId]) {
        if self.is_full {
            for docs in docs.chunks(COLLECT_BLOCK_BUFFER_LEN) {
                let block = &mut self.block[..docs.len()];
                self.numbers.values.get_vals(docs, block);
                for number in block {
                    self.counts[*number as usize] += 1;
                }
            }
        } else {
            for number in docs.iter().flat_map(|doc| self.numbers.values_for_doc(*doc)) {
                self.counts[number as usize] += 1;
            }
        }
    }

    fn finish(self) -> std::io::Result<Facet> {
        let mut values = Vec::new();
        for (number, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let mut text = String::new();
            self.texts.ord_to_str(number as u64, &mut text)?;
            values.push((text, *count));
        }
        Ok((self.field, values))
    }
}
