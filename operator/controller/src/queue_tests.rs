use futures::FutureExt;
use tokio::time::advance;

use super::*;

fn queue() -> Queue<&'static str> {
    Queue::new(QueueMetrics::default(), Jitter::seeded(7))
}

/// The next key, if one is there without any waiting.
fn now(queue: &Queue<&'static str>) -> Option<(&'static str, u32)> {
    queue.next().now_or_never()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_there_once() {
    let queue = queue();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert_eq!((now(&queue), now(&queue), now(&queue)), (Some(("a", 0)), Some(("b", 0)), None));
}

#[tokio::test(start_paused = true)]
async fn a_key_at_work_is_not_given_out_again_before_it_has_ended() {
    let queue = queue();
    queue.add("a");
    assert_eq!(now(&queue), Some(("a", 0)));
    queue.add("a");
    assert_eq!(now(&queue), None);
    queue.finish(&"a", Ending::Done);
    assert_eq!(now(&queue), Some(("a", 0)));
    queue.finish(&"a", Ending::Done);
    assert_eq!(now(&queue), None);
}

#[tokio::test(start_paused = true)]
async fn a_planned_key_that_falls_due_while_it_is_at_work_comes_afterwards() {
    let queue = queue();
    queue.add("a");
    now(&queue);
    queue.add_after("a", Duration::from_secs(1));
    advance(Duration::from_secs(2)).await;
    assert_eq!(now(&queue), None);
    queue.finish(&"a", Ending::Done);
    assert_eq!(now(&queue), Some(("a", 0)));
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_delayed_additions_does_not_put_the_work_off() {
    let queue = queue();
    for _ in 0..10 {
        queue.add_after("a", Duration::from_millis(100));
        advance(Duration::from_millis(20)).await;
    }
    assert_eq!(now(&queue), Some(("a", 0)));
}

#[tokio::test(start_paused = true)]
async fn an_addition_takes_the_place_of_a_planned_one() {
    let queue = queue();
    queue.add_after("a", Duration::from_mins(1));
    queue.add("a");
    assert_eq!(now(&queue), Some(("a", 0)));
    queue.finish(&"a", Ending::Done);
    advance(Duration::from_secs(61)).await;
    assert_eq!(now(&queue), None);
}

#[tokio::test(start_paused = true)]
async fn failures_wait_longer_and_longer_and_success_forgets_them() {
    let queue = queue();
    queue.add("a");
    let mut waits = Vec::new();
    for failures in 0..14 {
        let before = Instant::now();
        assert_eq!(queue.next().await, ("a", failures));
        waits.push(before.elapsed());
        queue.finish(&"a", Ending::Failed);
    }
    assert!((Duration::from_millis(160)..=Duration::from_millis(241)).contains(&waits[1]), "{waits:?}");
    assert!(waits.windows(2).take(10).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= LONGEST_BACKOFF + Duration::from_millis(1)), "{waits:?}");
    assert_eq!(queue.next().await, ("a", 14));
    queue.finish(&"a", Ending::Again(Duration::from_secs(5)));
    assert_eq!(queue.next().await, ("a", 0));
}

#[tokio::test(start_paused = true)]
async fn an_event_during_the_back_off_is_worked_on_at_once() {
    let queue = queue();
    queue.add("a");
    now(&queue);
    queue.finish(&"a", Ending::Failed);
    assert_eq!(now(&queue), None);
    queue.add("a");
    assert_eq!(now(&queue), Some(("a", 1)));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_loses_nothing() {
    let queue = queue();
    let waited = tokio::time::timeout(Duration::from_millis(10), queue.next()).await;
    assert!(waited.is_err());
    queue.add("a");
    assert_eq!(queue.next().await, ("a", 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_a_key_that_is_done() {
    let queue = queue();
    for key in ["a", "b", "c"] {
        queue.add(key);
        now(&queue);
        queue.finish(&key, Ending::Done);
    }
    assert!(queue.state.lock().items.is_empty());
}
