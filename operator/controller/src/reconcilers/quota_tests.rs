use serde_json::json;

use super::*;
use crate::fixture::{World, policy};

const QUOTA: &str = "/api/v1/namespaces/ns/resourcequotas/hemvist-accelerators";

#[tokio::test]
async fn a_limit_to_accelerators_comes_changes_and_goes_with_the_policy() {
    let world = World::new(&RECONCILER);
    let key = key("ns");
    let see_limit = |limit: Option<i32>, version: u64| {
        let mut object = policy();
        object["spec"]["quota"] = json!({"accelerators": limit});
        object["metadata"]["generation"] = json!(version);
        world.see_policy(object, version);
    };
    assert_eq!(reconcile(&world.context, &key).await.unwrap(), Next::Gone);
    assert_eq!(world.api.requests(), Vec::<String>::new());
    for (limit, version) in [(4, 2), (2, 3)] {
        see_limit(Some(limit), version);
        for _ in 0..2 {
            assert_eq!(reconcile(&world.context, &key).await.unwrap(), Next::Settled);
        }
        assert_eq!(world.api.requests(), ["PATCH resourcequotas/hemvist-accelerators"]);
        let hard = &world.api.stored(QUOTA).unwrap()["spec"]["hard"];
        assert_eq!(*hard, json!({"requests.nvidia.com/gpu": limit.to_string()}));
    }
    see_limit(None, 4);
    reconcile(&world.context, &key).await.unwrap();
    assert_eq!(world.api.requests(), ["DELETE resourcequotas/hemvist-accelerators"]);
    assert_eq!(reconcile(&world.context, &key).await.unwrap(), Next::Gone);
}
