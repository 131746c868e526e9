//! The retention clock under a wall clock that jumps.

use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::SimWorld;
use thalweg_types::Timestamp;

use super::harness::simulate;
use crate::clock::RetentionClock;

const ROUND: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_hours(1);
const HOUR_MS: i64 = 3_600_000;

async fn follow_for(env: &Env, clock: &RetentionClock, time: Duration) {
    for _ in 0..time.as_secs() / ROUND.as_secs() {
        env.sleep(ROUND).await;
        clock.follow(ROUND);
    }
}

/// A clock that has agreed with the wall clock for an hour.
async fn settled(env: &Env) -> RetentionClock {
    let clock = RetentionClock::start(env, None);
    follow_for(env, &clock, HOUR).await;
    assert_eq!(clock.now(), env.wall());
    assert!(!clock.in_doubt());
    clock
}

/// How far the clock gains on true time in an hour after the wall clock jumped by `jump`.
fn after_a_jump(jump: i64) -> (i64, bool) {
    simulate(2, |env, world: SimWorld| async move {
        let clock = settled(&env).await;
        world.jump_wall(jump);
        let before = clock.now();
        follow_for(&env, &clock, HOUR).await;
        (clock.now().millis_since(before) - HOUR_MS, clock.in_doubt())
    })
}

#[test]
fn a_jump_moves_it_by_a_tenth_of_the_time_that_passes() {
    assert_eq!(after_a_jump(1000 * HOUR_MS), (HOUR_MS / 10, true));
    assert_eq!(after_a_jump(-1000 * HOUR_MS), (-HOUR_MS / 10, true));
}

#[test]
fn a_small_step_is_followed_to_the_end() {
    assert_eq!(after_a_jump(2000), (2000, false));
    assert_eq!(after_a_jump(-2000), (-2000, false));
}

#[test]
fn a_wall_clock_that_stands_for_a_day_is_believed() {
    for jump in [1000 * HOUR_MS, -1000 * HOUR_MS] {
        simulate(3, |env, world: SimWorld| async move {
            let clock = settled(&env).await;
            world.jump_wall(jump);
            follow_for(&env, &clock, 23 * HOUR).await;
            world.jump_wall(jump);
            follow_for(&env, &clock, 23 * HOUR).await;
            assert_ne!(clock.now(), env.wall(), "each jump starts the day anew");
            follow_for(&env, &clock, 2 * HOUR).await;
            assert_eq!(clock.now(), env.wall());
            assert!(!clock.in_doubt());
        });
    }
}

#[test]
fn down_time_is_believed_once_the_wall_clock_has_settled() {
    simulate(4, |env, _world| async move {
        let stopped = Timestamp(env.wall().0 - 50 * HOUR_MS);
        let clock = RetentionClock::start(&env, Some(stopped));
        assert_eq!(clock.now(), stopped);
        assert!(clock.in_doubt());
        follow_for(&env, &clock, Duration::from_mins(9)).await;
        assert!(clock.now() < stopped.plus(HOUR));
        follow_for(&env, &clock, Duration::from_mins(2)).await;
        assert_eq!(clock.now(), env.wall());
    });
}

#[test]
fn a_wrong_clock_at_the_start_that_a_time_server_sets_right_does_nothing() {
    simulate(5, |env, world: SimWorld| async move {
        let stopped = env.wall();
        world.jump_wall(1000 * HOUR_MS);
        let known = RetentionClock::start(&env, Some(stopped));
        let new = RetentionClock::start(&env, None);
        follow_for(&env, &known, Duration::from_mins(5)).await;
        world.jump_wall(-1000 * HOUR_MS);
        follow_for(&env, &known, Duration::from_mins(4)).await;
        new.follow(Duration::from_mins(9));
        assert_eq!(new.now(), env.wall(), "nothing on disk spoke against it");
        assert!(known.now().millis_since(env.wall()).abs() < 60_000);
    });
}

#[test]
fn a_start_never_goes_back_at_once() {
    simulate(6, |env, _world| async move {
        let later = env.wall().plus(5 * HOUR);
        let clock = RetentionClock::start(&env, Some(later));
        assert_eq!(clock.now(), later);
        follow_for(&env, &clock, HOUR).await;
        assert_eq!(clock.now().millis_since(later), HOUR_MS * 9 / 10);
        assert!(clock.in_doubt());
    });
}
