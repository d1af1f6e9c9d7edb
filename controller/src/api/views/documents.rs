//! Everything at once: the site as it can be declared, what declaring it changed, and a backup.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::ThingView;

/// What a declared site changed, or would change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiteView {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Whether what is not declared was taken away.
    pub prune: bool,
    /// How many things are new.
    pub created: usize,
    /// How many are other than they were.
    pub changed: usize,
    /// How many are no more.
    pub deleted: usize,
    /// Each of them.
    pub changes: Vec<SiteChange>,
    /// What there is and is not declared.
    pub undeclared: Vec<ThingView>,
}

/// What is changed about one thing. The fields are those of the entry that declares it, and only those that differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiteChange {
    /// `create`, `change` or `delete`.
    pub action: String,
    /// What kind of thing it is.
    pub noun: String,
    /// What it is called.
    pub name: String,
    /// What it was.
    #[schemars(with = "Map<String, Value>")]
    pub before: Fields,
    /// What it becomes.
    #[schemars(with = "Map<String, Value>")]
    pub after: Fields,
}

/// Fields with their values, kept as text: a site has many.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fields(Box<RawValue>);

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        let text = RawValue::from_string(Value::Object(fields).to_string());
        Self(text.expect("JSON that was just written is JSON"))
    }
}

views! {
    /// A part of the site as it can be declared.
    SiteExportView {
        /// The generation that it is of.
        generation: u64,
        /// Which part it is, from 0.
        part: u32,
        /// Whether a further part follows.
        more: bool,
        /// Projects with a quota, and the default quota.
        project: Vec<Map<String, Value>>,
        /// Providers.
        provider: Vec<Map<String, Value>>,
        /// Pools.
        pool: Vec<Map<String, Value>>,
        /// Networks.
        network: Vec<Map<String, Value>>,
        /// Instances.
        instance: Vec<Map<String, Value>>,
        /// Direct ports.
        direct: Vec<Map<String, Value>>,
        /// Floating IPs.
        fip: Vec<Map<String, Value>>,
    }
    /// Everything that is stored, in the form that `buoyd restore` reads.
    BackupView {
        /// What the document is.
        format: String,
        /// The version of its form.
        version: u32,
        /// The version of what is stored.
        schema: u32,
        /// What the store keeps about itself: tallies, above all.
        state: Map<String, Value>,
        /// What is stored.
        values: Vec<StoredView>,
    }
    /// A value and where it is stored.
    StoredView {
        /// The part of the store.
        tree: String,
        /// The key, in hex.
        key: String,
        /// The value.
        value: Value,
    }
}
