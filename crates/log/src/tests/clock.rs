//! The retention clock under a wall clock that jumps.

use std::time::Duration;

use thalweg_env::simulated::SimWorld;
use thalweg_types::Timestamp;

use super::harness::simulate;
use crate::clock::RetentionClock;

const ROUND: Duration = Duration::from_secs(5);
const HOUR_MS: i64 = 3_600_000;

async fn follow_for(env: &thalweg_env::Env, clock: &RetentionClock, time: Duration) {
    for _ in 0..time.as_secs() / ROUND.as_secs() {
        env.sleep(ROUND).await;
        clock.follow(ROUND);
    }
}

#[test]
fn without_jumps_it_is_the_wall_clock() {
    simulate(1, |env, _world| async move {
        let clock = RetentionClock::start(&env, None);
        assert_eq!(clock.now(), env.wall());
        follow_for(&env, &clock, Duration::from_hours(2)).await;
        assert_eq!(clock.now(), env.wall());
    });
}

/// How far the clock runs ahead of true time, an hour after the wall clock jumped by `jump`.
fn after_a_jump(jump: i64) -> i64 {
    simulate(2, |env, world: SimWorld| async move {
        let clock = RetentionClock::start(&env, None);
        world.jump_wall(jump);
        let before = clock.now();
        follow_for(&env, &clock, Duration::from_hours(1)).await;
        clock.now().millis_since(before) - HOUR_MS
    })
}

#[test]
fn a_jump_moves_it_by_a_tenth_of_the_time_that_passes() {
    assert_eq!(after_a_jump(1000 * HOUR_MS), HOUR_MS / 10);
    assert_eq!(after_a_jump(-1000 * HOUR_MS), -HOUR_MS / 10);
}

#[test]
fn a_small_step_is_followed_to_the_end() {
    assert_eq!(after_a_jump(2000), 2000);
    assert_eq!(after_a_jump(-2000), -2000);
}

#[test]
fn a_start_goes_on_from_the_disk_and_never_from_an_earlier_time() {
    simulate(3, |env, _world| async move {
        let wall = env.wall();
        let later = wall.plus(Duration::from_hours(5));
        assert_eq!(RetentionClock::start(&env, Some(later)).now(), later);
        let earlier = Timestamp(wall.0 - 50 * HOUR_MS);
        assert_eq!(RetentionClock::start(&env, Some(earlier)).now(), wall);
    });
}
