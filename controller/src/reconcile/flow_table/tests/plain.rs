//! However flows are kept, what is known of them is what a plain table knows, one row for each.

use std::collections::BTreeSet;

use buoy_flows::openflow::{FlowChange, FlowEvent};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::super::batch::Piece;
use super::*;

type Rows = BTreeMap<u16, Known>;

/// What is known of a flow.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    entity: Option<u8>,
    want: Option<u8>,
    have: Option<u8>,
    refused: bool,
}

impl Known {
    fn is_dirty(&self) -> bool {
        self.want != self.have && !self.refused
    }

    fn is_empty(&self) -> bool {
        self.want.is_none() && self.have.is_none()
    }
}

#[derive(Debug, Default)]
struct Plain {
    rows: Rows,
    wanted: BTreeMap<u8, BTreeSet<u16>>,
    synced: bool,
}

impl Plain {
    fn want(&mut self, entity: u8, flows: &BTreeMap<u16, u8>) {
        for (number, body) in flows {
            let row = self.rows.entry(*number).or_default();
            row.refused &= row.want == Some(*body);
            (row.entity, row.want) = (Some(entity), Some(*body));
        }
        for number in self.wanted.insert(entity, flows.keys().copied().collect()).unwrap_or_default() {
            let row = self.rows.get_mut(&number).filter(|row| row.entity == Some(entity));
            if let Some(row) = row.filter(|_| !flows.contains_key(&number)) {
                (row.want, row.refused) = (None, false);
            }
        }
        self.clean();
    }

    fn has(&mut self, number: u16, have: Option<u8>) {
        if have.is_some() || self.rows.contains_key(&number) {
            self.rows.entry(number).or_default().have = have;
        }
        self.clean();
    }

    /// What was sent is there. What nobody wants any more is of the one that it was sent for.
    fn landed(&mut self, number: u16, have: Option<u8>, owner: Option<u8>) {
        if have.is_some() {
            let row = self.rows.entry(number).or_default();
            row.entity = row.entity.or(owner);
        }
        self.has(number, have);
    }

    /// Whose flow is taken away, or does something else from now on.
    fn cut(&self, number: u16, body: Option<u8>) -> Option<Option<u8>> {
        let row = self.rows.get(&number).filter(|row| row.have.is_some() && row.have != body)?;
        Some(row.entity)
    }

    fn refuse(&mut self, (number, body): (u16, Option<u8>)) {
        let row = self.rows.entry(number).or_default();
        row.refused |= row.want == body;
        self.clean();
    }

    fn dumped(&mut self, flows: &BTreeMap<u16, u8>) {
        self.synced = true;
        flows.keys().for_each(|number| _ = self.rows.entry(*number).or_default());
        for (number, row) in &mut self.rows {
            (row.have, row.refused) = (flows.get(number).copied(), false);
        }
        self.clean();
    }

    fn lose_sync(&mut self) {
        self.synced = false;
        self.rows.values_mut().for_each(|row| row.have = None);
    }

    /// Until it is known what the switch has, it may have what nobody wants any more.
    fn clean(&mut self) {
        self.rows.retain(|_, row| !self.synced || !row.is_empty());
    }

    /// What may be sent where only some entities' flows are due. All flows of these tests have one origin.
    fn due(&self, is_due: impl Fn(u8) -> bool) -> BTreeMap<u16, Option<u8>> {
        let dirty = || self.rows.iter().filter(|(_, row)| row.is_dirty());
        let may = |row: &Known| row.entity.is_some_and(|own| is_due(own) || (row.want.is_some() && row.have.is_some()));
        let waits = dirty().any(|(_, row)| row.entity.is_some() && row.want.is_some() && !may(row));
        let now = dirty().filter(|(_, row)| if row.entity.is_some() { may(row) } else { !waits });
        now.map(|(number, row)| (*number, row.want)).collect()
    }

    fn known(&self) -> Rows {
        self.rows.iter().filter(|(_, row)| !row.is_empty()).map(|(number, row)| (*number, row.clone())).collect()
    }
}

/// What a table knows, read from where it keeps it.
fn known(table: &FlowTable) -> Rows {
    let mut rows = Rows::new();
    for group in table.groups.iter() {
        for (place, (key, body)) in group.flows.unpack().flows().enumerate() {
            let have = (group.have >> place & 1 == 1).then(|| self::body(&body));
            let known =
                Known { entity: Some(number(&group.entity)), want: Some(self::body(&body)), have, refused: false };
            assert_eq!(rows.insert(key.place().1, known), None, "{key:?} is in two groups");
        }
    }
    for (key, row) in table.rows.iter().filter(|(_, row)| row.want.is_some() || row.have.is_some()) {
        let own = row.entity.as_deref().map(number);
        let (want, have) = (row.want.as_ref().map(body), row.have.as_ref().map(body));
        let known = Known { entity: own, want, have, refused: row.refused };
        assert_eq!(rows.insert(key.place().1, known), None, "{key:?} is a row and in a group");
    }
    rows
}

/// The number of an [`association`].
fn number(entity: &Entity) -> u8 {
    match entity {
        Entity::Association(address) => address.octets()[3],
        other => panic!("{other}"),
    }
}

/// The number that tells the bodies of [`flow`] apart.
fn body(body: &FlowBody) -> u8 {
    (1..=BODIES).find(|number| flow(0, *number).pack().1 == *body).unwrap()
}

fn steps(batch: &Batch) -> BTreeMap<u16, Option<u8>> {
    batch.steps().map(|step| (step.key.place().1, step.body.as_ref().map(body))).collect()
}

/// Whom the flows of a batch are sent for.
fn owners(batch: &Batch) -> BTreeMap<u16, Option<u8>> {
    let owner = |piece: &Piece| piece.owner.as_deref().map(number);
    batch.pieces().flat_map(|own| own.steps().into_iter().map(move |step| (step.key.place().1, owner(own)))).collect()
}

fn put(flows: &mut BTreeMap<u16, u8>, number: u16, body: Option<u8>) {
    match body {
        Some(body) => flows.insert(number, body),
        None => flows.remove(&number),
    };
}

/// What changes in its place is always due.
fn is_even(entity: &Entity, lane: Lane) -> bool {
    lane == Lane::Replace || number(entity).is_multiple_of(2)
}

#[derive(Clone, Debug)]
enum Change {
    /// An entity wants these.
    Want(u8, BTreeMap<u16, u8>),
    /// What is due, of all entities or of some, is sent.
    Send(bool),
    /// What was sent is applied.
    Apply,
    /// What was sent is refused for one of its flows.
    Refuse(prop::sample::Index),
    /// Somebody else adds, changes or deletes a flow, and the switch tells it.
    Told(u16, Option<u8>),
    /// Somebody else's flow takes the place of one of these.
    Foreign(u16),
    /// What the switch has is not known any more.
    LoseSync,
    /// The switch is dumped, and while that goes on, it tells of a change.
    Dump(Option<(u16, u8)>),
}

fn change() -> impl Strategy<Value = Change> {
    let body = || 1..=BODIES;
    prop_oneof![
        6 => (0u8..4, btree_map(0u16..12, body(), 0..6)).prop_map(|(entity, flows)| Change::Want(entity, flows)),
        4 => any::<bool>().prop_map(Change::Send),
        4 => Just(Change::Apply),
        1 => any::<prop::sample::Index>().prop_map(Change::Refuse),
        2 => (0u16..12, proptest::option::of(body())).prop_map(|(number, body)| Change::Told(number, body)),
        1 => (0u16..12).prop_map(Change::Foreign),
        1 => Just(Change::LoseSync),
        2 => proptest::option::of((0u16..12, body())).prop_map(Change::Dump),
    ]
}

fn told(number: u16, own: Option<u8>, cookie: Option<Cookie>) -> FlowChange {
    let flow = flow(number, own.unwrap_or(1));
    FlowChange {
        event: if own.is_some() { FlowEvent::Added } else { FlowEvent::Deleted { reason: 2 } },
        table: flow.table,
        priority: number,
        idle_timeout: 0,
        hard_timeout: 0,
        cookie: cookie.unwrap_or(flow.owner.cookie()),
        matching: flow.matching,
        instructions: flow.instructions,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_kept_together_is_known_as_what_is_kept_apart(changes in vec(change(), 0..60)) {
        let (mut table, mut plain) = (FlowTable::default(), Plain::default());
        // What the switch really has of ours.
        let mut flows = BTreeMap::new();
        let mut sent: Option<Batch> = None;
        for change in changes {
            match change {
                Change::Want(entity, own) => {
                    let own_flows: Vec<_> = own.iter().map(|(number, body)| flow(*number, *body)).collect();
                    table.want(&association(entity), &own_flows);
                    plain.want(entity, &own);
                }
                Change::Send(all_of_them) if plain.synced => {
                    sent = Some(if all_of_them { table.due(all) } else { table.due(is_even) });
                }
                Change::Send(_) => {}
                Change::Apply => if let Some(batch) = sent.take() {
                    let mut cuts = HashSet::new();
                    let owners = owners(&batch);
                    for (number, body) in steps(&batch) {
                        cuts.extend(plain.cut(number, body));
                        put(&mut flows, number, body);
                        plain.landed(number, body, owners[&number]);
                    }
                    let told = table.applied(batch).into_iter().map(|own| own.as_deref().map(number));
                    prop_assert_eq!(told.collect::<HashSet<_>>(), cuts);
                },
                Change::Refuse(index) => if let Some(batch) = sent.take().filter(|batch| !batch.is_empty()) {
                    let index = index.index(batch.len());
                    let step = batch.step(index).unwrap();
                    plain.refuse((step.key.place().1, step.body.as_ref().map(body)));
                    table.refused(&batch, index, "OFPBAC_BAD_OUT_PORT");
                },
                Change::Told(number, own) => {
                    put(&mut flows, number, own);
                    plain.has(number, own);
                    let undoes = table.changed(&told(number, own, None));
                    prop_assert_eq!(undoes, plain.rows.get(&number).is_some_and(Known::is_dirty));
                }
                Change::Foreign(number) => {
                    flows.remove(&number);
                    plain.has(number, None);
                    table.changed(&told(number, Some(1), Some(OTHERS)));
                }
                Change::LoseSync => {
                    sent = None;
                    plain.lose_sync();
                    table.lose_sync();
                }
                Change::Dump(meanwhile) => {
                    sent = None;
                    let before = plain.known();
                    table.begin_dump();
                    if let Some((number, body)) = meanwhile {
                        flows.insert(number, body);
                        plain.has(number, Some(body));
                        table.changed(&told(number, Some(body), None));
                    }
                    let had = plain.known();
                    for flow in flows.iter().map(|(number, body)| flow(*number, *body)) {
                        let mut switch = Switch::default();
                        switch.has(&flow);
                        switch.flows.values().for_each(|flow| table.reported(flow));
                    }
                    let was_synced = plain.synced;
                    plain.dumped(&flows);
                    let news = (0..12).filter(|number| had.get(number).and_then(|row| row.have) != flows.get(number).copied());
                    let news = news.count();
                    prop_assert_eq!(table.end_dump(), if was_synced { news } else { 0 }, "{:?}", before);
                }
            }
            prop_assert_eq!(known(&table), plain.known());
            prop_assert_eq!(table.installed(), plain.rows.values().filter(|row| row.have.is_some()).count());
            if plain.synced {
                prop_assert_eq!(steps(&table.due(all)), plain.due(|_| true));
                prop_assert_eq!(steps(&table.due(is_even)), plain.due(|own| own % 2 == 0));
                prop_assert_eq!(table.is_clean(), !plain.rows.values().any(Known::is_dirty));
                let strays = plain.rows.values().any(|row| row.is_dirty() && row.entity.is_none());
                prop_assert_eq!(table.has_strays(), strays);
                for own in 0..4 {
                    let is_pending = plain.rows.values().any(|row| row.is_dirty() && row.entity == Some(own));
                    prop_assert_eq!(table.is_pending(&association(own)), is_pending);
                }
            }
        }
    }
}

#[test]
fn an_entity_with_very_many_flows_is_served_as_well() {
    let flows: Vec<_> = (0..200).map(|number| flow(number, 1)).collect();
    let (mut table, mut switch) = installed(&Entity::Base, &flows);
    table.want(&Entity::Base, &flows[..100]);
    assert_eq!(roll_out(&mut table, &mut switch), 100);
    assert_eq!((table.installed(), table.is_clean()), (100, true));
}

#[test]
fn what_is_in_force_is_kept_together() {
    let (mut table, mut switch) = installed(&association(1), &[flow(1, 1), flow(2, 1)]);
    let is_together = |table: &FlowTable| table.rows.is_empty() && table.wanted.is_empty();
    assert!(is_together(&table));
    table.want(&association(1), &[flow(1, 2), flow(3, 1)]);
    assert!(!is_together(&table));
    assert_eq!(roll_out(&mut table, &mut switch), 3);
    assert!(is_together(&table));
    switch.dump_into(&mut table);
    assert!(is_together(&table) && table.is_clean());
}

const BODIES: u8 = 3;
