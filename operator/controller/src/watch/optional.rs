//! Watches of optional CRDs: they may be installed and deleted while Hemvist runs.
//! Each is watched while it is served.

use std::time::Duration;

use hemvist_core::render::Child;
use kube::{Api, Client};

use super::{Children, Watched, Watches};
use crate::call::CallError;
use crate::jitter::Jitter;
use crate::triggers::Event;

/// How often it is asked whether a kind is served: one small request of which everybody has the right.
const LOOK: Duration = Duration::from_secs(20);

/// How soon it is asked again where there was no answer. Without one nothing is concluded.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Watches {
    /// Watches a kind while it is served. It counts as served once all of its objects are known, so that nothing is
    /// concluded from one that is absent.
    pub(super) async fn watch_optional<K: Child>(self, client: Client) {
        let jitter = Jitter::default();
        loop {
            self.wait_until_served::<K>(&client, true, &jitter).await;
            tracing::info!(kind = %K::KIND, "optional CRD found");
            tokio::select! {
                () = self.clone().watch::<Children<K>>(Api::all(client.clone())) => {}
                () = self.use_while_served::<K>(&client, &jitter) => {}
            }
            tracing::info!(kind = %K::KIND, "optional CRD gone");
            self.forget_all::<K>();
            self.set_served::<K>(false);
        }
    }

    async fn use_while_served<K: Child>(&self, client: &Client, jitter: &Jitter) {
        const POLL: Duration = Duration::from_millis(50);
        while !self.view.children(K::KIND).lock().synced() {
            tokio::time::sleep(POLL).await;
        }
        self.set_served::<K>(true);
        self.wait_until_served::<K>(client, false, jitter).await;
    }

    /// Waits until the API server says that the kind is, or is not, there.
    async fn wait_until_served<K: Child>(&self, client: &Client, served: bool, jitter: &Jitter) {
        loop {
            let pause = match self.is_served::<K>(client).await {
                Ok(now) if now == served => return,
                Ok(now) => {
                    self.set_served::<K>(now);
                    LOOK
                }
                Err(error) => {
                    tracing::warn!(kind = %K::KIND, "discovering an optional CRD: {error}");
                    LOOK_AGAIN
                }
            };
            tokio::time::sleep(jitter.around(pause)).await;
        }
    }

    async fn is_served<K: Child>(&self, client: &Client) -> Result<bool, CallError> {
        let group_version = K::api_version(&());
        match self.deadline.call(client.list_api_group_resources(&group_version)).await {
            Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == K::plural(&()))),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn set_served<K: Child>(&self, served: bool) {
        if self.view.set_served(K::KIND, served) {
            self.triggers.publish(&Event::Kinds);
        }
    }

    /// What is not served has no objects.
    fn forget_all<K: Child>(&self) {
        let gone = {
            let mut cache = self.view.children(K::KIND).lock();
            cache.list_begins();
            cache.list_ends()
        };
        for (key, change) in &gone {
            self.triggers.publish(&Children::<K>::event(key, change));
        }
    }
}
