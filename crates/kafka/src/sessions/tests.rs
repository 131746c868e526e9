use super::*;
use thalweg_types::{LeaderEpoch, Offset};

fn key(partition: i32) -> PartitionKey {
    PartitionKey { topic: TopicRef::Name("topic".into()), partition }
}

fn wanted(partition: i32, offset: i64) -> Wanted {
    Wanted {
        key: key(partition),
        offset: Offset(offset),
        bytes_max: 1024,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
    }
}

fn request(id: i32, epoch: i32) -> SessionRequest {
    SessionRequest { id, epoch, by_topic_id: false }
}

fn seen(high_watermark: i64) -> Seen {
    Seen {
        has_records: false,
        is_urgent: false,
        high_watermark: Offset(high_watermark),
        log_start: Offset(0),
    }
}

/// A cache, a clock that the test moves, and a source of ids.
struct World {
    sessions: FetchSessions,
    start: Instant,
    seconds: u64,
    ids: std::cell::Cell<u64>,
}

impl World {
    fn new(slots: usize, partitions: usize) -> Self {
        Self {
            sessions: FetchSessions::new(slots, partitions),
            start: now(),
            seconds: 0,
            ids: std::cell::Cell::new(0),
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.seconds)
    }

    fn open(&self, id: i32, epoch: i32, wanted: Vec<Wanted>) -> Result<OpenSession, ErrorCode> {
        self.sessions.open(self.now(), request(id, epoch), wanted, &[])
    }

    fn keep(&self, session: OpenSession) -> i32 {
        let next = || {
            self.ids.set(self.ids.get() + 1);
            self.ids.get() - 1
        };
        self.sessions.keep(self.now(), session, next)
    }

    fn create(&self, partitions: i32) -> i32 {
        let all = (0..partitions).map(|partition| wanted(partition, 0)).collect();
        self.keep(self.open(NO_SESSION, FIRST_EPOCH, all).unwrap())
    }
}

fn now() -> Instant {
    thalweg_env::Env::real().now()
}

fn order(session: &OpenSession) -> Vec<i32> {
    session.partitions.iter().map(|(_, wanted)| wanted.key.partition).collect()
}

#[test]
fn rule_18_epochs_and_ids_are_checked() {
    let world = World::new(10, 100);
    let id = world.create(1);
    assert_eq!(id, 1, "0 is not given away");
    let refused = |id, epoch| world.open(id, epoch, Vec::new()).unwrap_err();
    assert_eq!(refused(id + 1, 1), ErrorCode::FetchSessionIdNotFound);
    assert_eq!(refused(id, 2), ErrorCode::InvalidFetchSessionEpoch);
    let by_id = SessionRequest { id, epoch: 1, by_topic_id: true };
    let mixed = world.sessions.open(world.now(), by_id, Vec::new(), &[]).unwrap_err();
    assert_eq!(mixed, ErrorCode::FetchSessionTopicIdError);

    let session = world.open(id, 1, Vec::new()).unwrap();
    assert!(session.is_incremental());
    assert_eq!(refused(id, 2), ErrorCode::FetchSessionIdNotFound, "another request has it");
    assert_eq!(world.keep(session), id);
    assert!(world.open(id, 2, Vec::new()).is_ok());
}

#[test]
fn rule_18_a_session_ends_by_its_final_epoch_or_a_new_one() {
    let world = World::new(10, 100);
    let id = world.create(1);
    let last = world.open(id, FINAL_EPOCH, Vec::new()).unwrap();
    assert_eq!(world.keep(last), NO_SESSION);
    assert_eq!(world.sessions.len(), 0);

    let id = world.create(1);
    let new = world.keep(world.open(id, FIRST_EPOCH, vec![wanted(0, 0)]).unwrap());
    assert_ne!(new, id);
    assert_eq!(world.sessions.len(), 1);
}

#[test]
fn rule_18_only_news_are_told() {
    let mut partitions = SessionPartitions::default();
    partitions.update(vec![wanted(0, 0), wanted(1, 0)], &[]);
    let [first, second]: [u64; 2] =
        partitions.iter().map(|(place, _)| place).collect::<Vec<_>>().try_into().unwrap();
    assert!(partitions.tell(first, seen(5)));
    assert!(!partitions.tell(first, seen(5)), "nothing has changed");
    assert!(partitions.tell(first, seen(6)), "the high watermark has");
    assert!(partitions.tell(first, Seen { log_start: Offset(3), ..seen(6) }));
    assert!(partitions.tell(second, Seen { is_urgent: true, ..seen(5) }));
    assert!(partitions.tell(second, seen(5)), "after an error all is news");
}

#[test]
fn rule_17_partitions_that_gave_records_go_to_the_end() {
    let world = World::new(10, 100);
    let id = world.create(3);
    let mut session = world.open(id, 1, vec![wanted(1, 7), wanted(9, 0)]).unwrap();
    assert_eq!(order(&session), [0, 1, 2, 9]);
    let place = session.partitions.iter().next().unwrap().0;
    session.partitions.tell(place, Seen { has_records: true, ..seen(5) });
    world.keep(session);

    let forgotten = [key(2)];
    let session = world.sessions.open(world.now(), request(id, 2), Vec::new(), &forgotten).unwrap();
    assert_eq!(order(&session), [1, 9, 0]);
    assert_eq!(session.partitions.iter().next().unwrap().1.offset, Offset(7));
}

#[test]
fn rule_18_slots_are_evicted_by_age() {
    let mut world = World::new(2, 100);
    let [small, large] = [world.create(1), world.create(5)];
    assert_eq!(world.create(3), NO_SESSION, "both are young");

    world.seconds = 130;
    for id in [small, large] {
        let session = world.open(id, 1, Vec::new()).unwrap();
        world.keep(session);
    }
    assert_eq!(world.create(1), NO_SESSION, "not larger than the smallest old one");
    let third = world.create(3);
    assert_ne!(third, NO_SESSION, "takes the place of the small one");
    assert_eq!(world.open(small, 2, Vec::new()).unwrap_err(), ErrorCode::FetchSessionIdNotFound);

    world.seconds = 260;
    assert_ne!(world.create(1), NO_SESSION, "the large one was not used for long");
    assert_eq!(world.open(large, 2, Vec::new()).unwrap_err(), ErrorCode::FetchSessionIdNotFound);
}

#[test]
fn partitions_of_all_sessions_are_bounded() {
    let world = World::new(10, 10);
    assert_ne!(world.create(6), NO_SESSION);
    assert_eq!(world.create(5), NO_SESSION);
    let id = world.create(4);
    let session =
        world.sessions.open(world.now(), request(id, 1), Vec::new(), &[key(0), key(1)]).unwrap();
    world.keep(session);
    assert_ne!(world.create(2), NO_SESSION);
}

#[test]
fn a_session_without_partitions_ends() {
    let world = World::new(10, 10);
    let id = world.create(1);
    let session = world.sessions.open(world.now(), request(id, 1), Vec::new(), &[key(0)]).unwrap();
    assert_eq!(world.keep(session), NO_SESSION);
    assert_eq!(world.sessions.len(), 0);
}
