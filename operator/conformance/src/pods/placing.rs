//! Affinity: where a pod may go, and beside whom.

use hemvist_api::labels::{
    HOSTNAME, MODEL_DEPLOYMENT_UID, NODE_CLEARANCE, NODE_DATA_CENTRE, NODE_DEVICES, NODE_REGION,
    WHOLE_DEVICES,
};
use hemvist_api::values::Isolation;
use hemvist_core::accelerator::{LabelTest, SHARED_SUFFIX, label_tests};
use hemvist_core::render::NOWHERE;
use serde_json::{Value, json};

use super::Builder;
use crate::policies::{CLASSES, DATA_CENTRES, REGIONS};

impl Builder<'_> {
    pub(super) fn affinity(&mut self) -> Value {
        let required = match self.random.below(1000) {
            roll if roll < self.unguided / 3 => return if roll % 2 == 0 { json!({}) } else { Value::Null },
            roll if roll < self.unguided / 2 => Value::Null,
            _ => {
                let count = 1 + usize::from(self.random.chance(250));
                let terms: Vec<Value> = (0..count).map(|_| self.term()).collect();
                json!({ "nodeSelectorTerms": terms })
            }
        };
        let preferred = self.random.chance(100).then(|| {
            json!([{ "weight": 1, "preference": { "matchExpressions": [{ "key": NODE_REGION, "operator": "Exists" }] } }])
        });
        json!({
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": required,
                "preferredDuringSchedulingIgnoredDuringExecution": preferred,
            },
            "podAntiAffinity": self.apart(),
        })
    }

    fn term(&mut self) -> Value {
        if self.random.chance(self.unguided / 4) {
            let by_name = json!([{ "key": "metadata.name", "operator": "In", "values": ["node-1"] }]);
            return json!({ "matchFields": by_name, "matchExpressions": null });
        }
        let level = CLASSES.iter().position(|class| *class == self.class).unwrap_or_default();
        let levels: Vec<String> = CLASSES[level..].iter().map(|&class| class.to_owned()).collect();
        let (centres, regions) = (self.allowed.data_centres(&self.class), self.allowed.regions.clone());
        let lists = [
            self.requirement(NODE_CLEARANCE, &levels, &CLASSES),
            self.requirement(NODE_DATA_CENTRE, &centres, &DATA_CENTRES),
            self.requirement(NODE_REGION, &regions, &REGIONS),
        ];
        let mut expressions: Vec<Value> = lists.into_iter().flatten().collect();
        if !self.random.chance(self.unguided) {
            expressions.push(json!({ "key": NODE_DEVICES, "operator": "In", "values": [WHOLE_DEVICES] }));
        }
        for resource in ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "amd.com/gpu", "amd.com/cpx_nps4"] {
            for test in label_tests(resource, Isolation::WholeDevice) {
                // A name of shares has no tests, and no label vouches for it: with one, only its name speaks against it.
                if let Some(suffix) = test.label.strip_prefix("nvidia.com/mig-1g.10gb") {
                    let label = format!("nvidia.com/mig-1g.10gb{SHARED_SUFFIX}{suffix}");
                    expressions.extend(self.kept_off(&LabelTest { label, not: test.not }));
                }
                expressions.extend(self.kept_off(&test));
            }
        }
        if self.random.chance(200) {
            expressions.insert(0, json!({ "key": "nvidia.com/gpu.product", "operator": "Exists" }));
        }
        if self.random.chance(100) {
            expressions.push(json!({ "key": NODE_REGION, "operator": "NotIn", "values": ["se-f"] }));
        }
        json!({ "matchExpressions": expressions })
    }

    /// That the label does not announce shares or partitions; now and then with other words, fewer values, or not at all.
    fn kept_off(&mut self, test: &LabelTest) -> Option<Value> {
        if self.random.chance(self.unguided / 16) {
            return None;
        }
        let kept =
            test.not.len() - usize::from(self.random.chance(self.unguided / 16) && !test.not.is_empty());
        let values = &test.not[..kept];
        let operator = match self.random.below(1000) {
            roll if roll < self.unguided / 16 => "In",
            roll if roll < 100 || values.is_empty() => "DoesNotExist",
            _ => "NotIn",
        };
        // An operator of one kind has values, and one of the other has none.
        Some(if operator == "DoesNotExist" {
            json!({ "key": test.label, "operator": operator })
        } else {
            let values = if values.is_empty() { &["none"] } else { values };
            json!({ "key": test.label, "operator": operator, "values": values })
        })
    }

    /// That the label has one of these values; now and then with other words, other values, or not at all.
    fn requirement(&mut self, label: &str, allowed: &[String], pool: &[&str]) -> Option<Value> {
        if self.random.chance(self.unguided / 2) {
            return None;
        }
        let key = if self.random.chance(self.unguided / 4) { format!("{label}x") } else { label.to_owned() };
        if self.random.chance(self.unguided / 3) {
            let value = self.random.pick(pool);
            return Some(match self.random.below(5) {
                0 => json!({ "key": key, "operator": "NotIn", "values": [value] }),
                1 => json!({ "key": key, "operator": "Exists" }),
                2 => json!({ "key": key, "operator": "DoesNotExist", "values": [] }),
                3 => json!({ "key": key, "operator": "Gt", "values": ["5"] }),
                _ => json!({ "key": key, "operator": "In", "values": [value, NOWHERE, ""] }),
            });
        }
        let mut values = if allowed.is_empty() {
            vec![NOWHERE.to_owned()]
        } else {
            let most = 1 + self.random.below(allowed.len());
            self.random.some(allowed, most)
        };
        if self.rarely() {
            values.push((*self.random.pick(pool)).to_owned());
        }
        if self.random.chance(100) {
            values.push(NOWHERE.to_owned());
        }
        Some(json!({ "key": key, "operator": "In", "values": values }))
    }

    /// That no pod of another model is on the node.
    fn apart(&mut self) -> Value {
        let mut term = json!({
            "topologyKey": HOSTNAME,
            "namespaceSelector": {},
            "labelSelector": { "matchExpressions": [
                { "key": MODEL_DEPLOYMENT_UID, "operator": "Exists" },
            ] },
        });
        if self.random.chance(self.unguided * 2) {
            let narrower = json!({ "key": MODEL_DEPLOYMENT_UID, "operator": "NotIn", "values": ["another"] });
            match self.random.below(9) {
                0 => term["topologyKey"] = json!("topology.kubernetes.io/zone"),
                5 => term["labelSelector"]["matchLabels"] = json!({ "no": "such" }),
                6 => term["namespaceSelector"] = json!({ "matchLabels": { "no": "such" } }),
                7 => {
                    term["labelSelector"]["matchExpressions"] =
                        json!([term["labelSelector"]["matchExpressions"][0], narrower]);
                }
                8 => term["matchLabelKeys"] = json!(["pod-template-hash"]),
                1 => term["namespaceSelector"] = Value::Null,
                2 => term["labelSelector"] = json!({ "matchLabels": { "a": "b" } }),
                3 => term["labelSelector"] = Value::Null,
                _ => term["labelSelector"]["matchExpressions"][0]["operator"] = json!("DoesNotExist"),
            }
        }
        match self.random.below(1000) {
            roll if roll < self.unguided => Value::Null,
            0..=300 if self.class == "Open" => Value::Null,
            _ => json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] }),
        }
    }
}
