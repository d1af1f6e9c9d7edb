//! Parameters about projects.

use std::fmt;
use std::str::FromStr;

use buoy_topology::project::ParseQuotaError;
use buoy_topology::{Name, Quota};
use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of `project.set`: what is not given stays.
#[derive(Args, Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSet {
    /// The project; it need not be known yet
    #[arg(required_unless_present = "default")]
    #[serde(default)]
    pub name: Option<Name>,
    /// Set what holds for projects that have no quota of their own
    #[arg(long, conflicts_with = "name", requires = "fip_quota")]
    #[serde(default)]
    pub default: bool,
    /// How many floating IPs it may have, over all pools; `default` follows `project set --default`
    #[arg(long, value_name = "N|unlimited|default")]
    pub fip_quota: Option<ProjectQuota>,
}

/// A quota of a project, or the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub enum ProjectQuota {
    /// Its own.
    Own(Quota),
    /// That of all who have none.
    Default,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl FromStr for ProjectQuota {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" { Ok(Self::Default) } else { text.parse().map(Self::Own) }
    }
}

impl TryFrom<Written> for ProjectQuota {
    type Error = ParseQuotaError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
    }
}

impl fmt::Display for ProjectQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(quota) => quota.fmt(f),
            Self::Default => f.write_str("default"),
        }
    }
}

impl From<ProjectQuota> for String {
    fn from(quota: ProjectQuota) -> Self {
        quota.to_string()
    }
}
