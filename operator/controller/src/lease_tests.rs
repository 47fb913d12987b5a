use tokio::time::advance;

use super::*;
use crate::fake_api::{FakeApi, Mood};

const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/hemvist";

fn options(identity: &str) -> LeaseOptions {
    LeaseOptions {
        namespace: "ns".to_owned(),
        name: "hemvist".to_owned(),
        identity: identity.to_owned(),
        duration: Duration::from_mins(1),
        renew_deadline: Duration::from_secs(40),
        retry_period: Duration::from_secs(5),
    }
}

/// A process that runs for the lease: whether it leads, and why it stopped.
struct Candidate {
    leads: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<LeaseError>,
}

impl Candidate {
    fn start(api: &FakeApi, identity: &str) -> Self {
        let (sender, leads) = watch::channel(false);
        let elector = Elector::new(api.client(), options(identity), Deadline::new(Duration::from_secs(10)));
        Self { leads, task: tokio::spawn(elector.run(sender)) }
    }

    fn leads(&self) -> bool {
        *self.leads.borrow()
    }
}

/// Lets time pass in small steps, so that every timer in between fires.
async fn pass(seconds: u64) {
    for _ in 0..seconds * 4 {
        advance(Duration::from_millis(250)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

fn holder(api: &FakeApi) -> Option<String> {
    api.stored(PATH)?["spec"]["holderIdentity"].as_str().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn takes_a_lease_that_nobody_holds() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    assert!(one.leads());
    assert_eq!(holder(&api).as_deref(), Some("one"));
}

#[tokio::test(start_paused = true)]
async fn leaves_a_live_lease_alone_whatever_its_clock_says() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    let two = Candidate::start(&api, "two");
    pass(600).await;
    assert!(one.leads() && !two.leads());
}

#[tokio::test(start_paused = true)]
async fn takes_a_lease_that_it_has_seen_unchanged_for_long_enough() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    one.task.abort();
    let two = Candidate::start(&api, "two");
    pass(50).await;
    assert!(!two.leads(), "the lease has not been seen unchanged for its whole duration");
    pass(20).await;
    assert!(two.leads());
    assert_eq!(api.stored(PATH).unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn stops_when_renewing_fails_past_the_deadline() {
    for mood in [Mood::Answers(500), Mood::Answers(403), Mood::Hangs] {
        let api = FakeApi::new();
        let one = Candidate::start(&api, "one");
        pass(1).await;
        assert!(one.leads());
        api.set_mood(mood);
        pass(30).await;
        assert!(one.leads(), "{mood:?}: a passing trouble");
        pass(16).await;
        assert!(!one.leads(), "{mood:?}: past the deadline");
        assert!(matches!(one.task.await.unwrap(), LeaseError::NotRenewed { .. }), "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_never_lead_at_once_while_renewing_fails() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    let two = Candidate::start(&api, "two");
    pass(10).await;
    api.set_mood(Mood::Answers(503));
    for _ in 0..100 {
        pass(1).await;
        assert!(!(one.leads() && two.leads()));
    }
    api.set_mood(Mood::Well);
    // It may have missed the last renewal, so it waits as if it came now.
    pass(70).await;
    assert!(!one.leads() && two.leads());
}

#[tokio::test(start_paused = true)]
async fn stops_at_once_when_another_one_has_the_lease() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    let mut lease = api.stored(PATH).unwrap();
    lease["spec"]["holderIdentity"] = "other".into();
    api.store(PATH, lease);
    pass(6).await;
    assert!(!one.leads());
    assert!(matches!(one.task.await.unwrap(), LeaseError::Taken(holder) if holder == "other"));
}

#[tokio::test(start_paused = true)]
async fn goes_on_when_only_the_answer_to_a_renewal_got_lost() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    let lease = api.stored(PATH).unwrap();
    api.store(PATH, lease);
    pass(30).await;
    assert!(one.leads());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_is_taken_soon() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    let two = Candidate::start(&api, "two");
    pass(6).await;
    one.task.abort();
    Elector::release(api.client(), &options("one"), Deadline::new(Duration::from_secs(10))).await;
    pass(7).await;
    assert!(two.leads());
}

#[tokio::test(start_paused = true)]
async fn nobody_gives_back_the_lease_of_another() {
    let api = FakeApi::new();
    let one = Candidate::start(&api, "one");
    pass(1).await;
    Elector::release(api.client(), &options("two"), Deadline::new(Duration::from_secs(10))).await;
    assert!(one.leads());
    assert_eq!(holder(&api).as_deref(), Some("one"));
}
