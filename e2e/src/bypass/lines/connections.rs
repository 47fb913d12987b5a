//! B09: into a pod of a sensitive model, past its Service and its NetworkPolicy.

use http::Method;
use serde_json::Value;

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::call::Call;
use crate::bypass::kinds;
use crate::bypass::situation::Situation;
use crate::objects::text;

/// The methods that a proxied request can have.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Who connects.
const ACTORS: [Actor; 4] = [Actor::TenantEdit, Actor::TenantAdmin, Actor::ForeignOperator, Actor::Admin];

/// All of them.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    let Some(model) = situation.models.get("sensitive") else { return attempts };
    for actor in ACTORS {
        streams(&mut attempts, actor, &model.pod);
        proxied_pods(&mut attempts, actor, &model.pod);
        for (id, model) in &situation.models {
            proxied_services(&mut attempts, actor, &format!("service-of-{id}"), &model.children["Service"]);
        }
        if let Some(service) = situation.own.get("Service") {
            proxied_services(&mut attempts, actor, "own-service", service);
        }
    }
    attempts
}

fn streams(attempts: &mut Attempts, actor: Actor, pod: &Value) {
    let path = kinds::item_of(pod);
    let ways = [
        ("exec", "exec?command=sh&command=-c&command=id&stdout=true"),
        ("exec-in-the-engine", "exec?command=id&stdout=true&container=engine"),
        ("exec-with-a-terminal", "exec?command=sh&stdin=true&stdout=true&tty=true"),
        ("attach", "attach?stdout=true"),
        ("attach-with-input", "attach?stdin=true&stdout=true"),
        ("portforward", "portforward?ports=8000"),
    ];
    for (what, rest) in ways {
        for method in [Method::GET, Method::POST] {
            let call = Call::connect(method.clone(), &format!("{path}/{rest}"));
            attempts.add("B09", actor, method.as_str(), what, call);
        }
    }
    // As a client does that means to talk.
    for (what, rest) in [ways[0], ways[3], ways[5]] {
        let call = Call::connect(Method::GET, &format!("{path}/{rest}")).upgraded();
        attempts.add("B09", actor, "web-socket", what, call);
    }
}

fn proxied_pods(attempts: &mut Attempts, actor: Actor, pod: &Value) {
    let collection = kinds::collection_of(pod);
    let name = text(&pod["metadata"]["name"]);
    for method in METHODS {
        let call = Call::connect(method.clone(), &format!("{collection}/{name}/proxy/v1/models"));
        attempts.add("B09", actor, method.as_str(), "pod-proxy", call);
    }
    for (what, target) in [
        ("pod-proxy-with-a-port", format!("{name}:8000")),
        ("pod-proxy-with-a-scheme", format!("http:{name}:8000")),
        ("pod-proxy-with-https", format!("https:{name}:8000")),
    ] {
        let call = Call::connect(Method::GET, &format!("{collection}/{target}/proxy/"));
        attempts.add("B09", actor, "GET", what, call);
    }
}

fn proxied_services(attempts: &mut Attempts, actor: Actor, what: &str, service: &Value) {
    let collection = kinds::collection_of(service);
    let name = text(&service["metadata"]["name"]);
    // A port that the Service of a model does not have: without policies nobody is to be dialled.
    for (how, target) in [("", name.to_owned()), ("-with-a-port", format!("{name}:9"))] {
        for method in [Method::GET, Method::POST] {
            let call = Call::connect(method.clone(), &format!("{collection}/{target}/proxy/v1/models"));
            attempts.add("B09", actor, method.as_str(), &format!("{what}{how}"), call);
        }
    }
}
