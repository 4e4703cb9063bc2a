//! What is said of containers, in the words of those who say it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::record::Container;

/// The longest name or image, bytes.
const NAME: usize = 512;
/// Labels that rules are compared with, and bytes of the value of one.
const LABELS: usize = 1024;
const VALUE: usize = 4096;

/// In whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The answer of Docker's interface, which Podman has too, and Docker's own file of a container.
    Docker,
    /// A bundle of the Open Container Initiative: annotations of those who made it.
    Bundle,
    /// The list of containers that Podman and CRI-O keep of what they store.
    Storage,
}

type Labels = BTreeMap<String, String>;

impl Form {
    /// What is said of this container.
    ///
    /// # Errors
    /// In words: it is said of another, or in other words.
    pub(super) fn read(self, container: &Container, bytes: &[u8]) -> Result<Container, String> {
        let found = match self {
            Form::Docker => docker(container, bytes)?,
            Form::Bundle => bundle(parsed(bytes)?),
            Form::Storage => storage(container, bytes)?,
        };
        Ok(complete(container, found))
    }
}

/// What was found, before it is cut.
#[derive(Debug, Default)]
struct Found {
    name: Option<String>,
    image: Option<String>,
    pod: Option<String>,
    namespace: Option<String>,
    labels: Labels,
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(alias = "ID", rename = "Id")]
    id: String,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "Config")]
    config: Option<Configured>,
}

#[derive(Default, Deserialize)]
struct Configured {
    #[serde(rename = "Image")]
    image: Option<String>,
    #[serde(rename = "Labels")]
    labels: Option<Labels>,
}

#[derive(Deserialize)]
struct Spec {
    annotations: Option<Labels>,
}

#[derive(Deserialize)]
struct Stored {
    id: String,
    names: Option<Vec<String>>,
    metadata: Option<String>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "image-name")]
    image: Option<String>,
}

fn parsed<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it is not as expected ({error})"))
}

fn docker(container: &Container, bytes: &[u8]) -> Result<Found, String> {
    let said: Inspected = parsed(bytes)?;
    if said.id != container.id {
        return Err("it tells of another container".to_owned());
    }
    let config = said.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let of_pod = |key: &str| labels.get(key).cloned();
    Ok(Found {
        name: of_pod("io.kubernetes.container.name").or(said.name),
        image: config.image,
        pod: of_pod("io.kubernetes.pod.name"),
        namespace: of_pod("io.kubernetes.pod.namespace"),
        labels,
    })
}

/// Annotations that say what the container is: containerd's, then those of CRI-O and nerdctl.
fn bundle(spec: Spec) -> Found {
    let mut rest = spec.annotations.unwrap_or_default();
    let mut take = |keys: &[&str]| {
        let mut found = None;
        for key in keys {
            found = found.or(rest.remove(*key));
        }
        found
    };
    let found = Found {
        name: take(&[
            "io.kubernetes.cri.container-name",
            "io.kubernetes.container.name",
            "nerdctl/name",
        ]),
        image: take(&[
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.ImageName",
        ]),
        pod: take(&["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"]),
        namespace: take(&[
            "io.kubernetes.cri.sandbox-namespace",
            "io.kubernetes.pod.namespace",
        ]),
        labels: Labels::new(),
    };
    // CRI-O writes the labels as one, among much else of its own.
    let own = rest.remove("io.kubernetes.cri-o.Labels");
    let own = own.and_then(|labels| serde_json::from_str(&labels).ok());
    rest.retain(|key, _| !key.starts_with("io.kubernetes.cri-o."));
    Found {
        labels: own.unwrap_or(rest),
        ..found
    }
}

fn storage(container: &Container, bytes: &[u8]) -> Result<Found, String> {
    let all: Vec<Stored> = parsed(bytes)?;
    let own = all.into_iter().find(|stored| stored.id == container.id);
    let own = own.ok_or_else(|| "the container is not in it".to_owned())?;
    let metadata = own.metadata.unwrap_or_default();
    let metadata: Metadata = serde_json::from_str(&metadata).unwrap_or_default();
    Ok(Found {
        name: own.names.and_then(|names| names.into_iter().next()),
        image: metadata.image,
        ..Found::default()
    })
}

fn complete(container: &Container, found: Found) -> Container {
    let name = |name: Option<String>| {
        let name = name?;
        // Docker's begins with a slash.
        let name = name.strip_prefix('/').unwrap_or(&name);
        let name = cut(name, NAME);
        (!name.is_empty()).then(|| name.to_owned())
    };
    let labels = found.labels.into_iter().take(LABELS);
    let labels =
        labels.map(|(key, value)| (cut(&key, VALUE).to_owned(), cut(&value, VALUE).to_owned()));
    Container {
        runtime: container.runtime.clone(),
        id: container.id.clone(),
        name: name(found.name),
        image: name(found.image),
        pod: name(found.pod),
        namespace: name(found.namespace),
        labels: Arc::new(labels.collect()),
    }
}

fn cut(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest))
        .unwrap_or(text)
}
