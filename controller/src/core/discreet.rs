//! Refusals without what belongs to others: whoever acts for a project, and is not the admin, learns from none of them who
//! else there is.

use buoy_topology::Name;
use buoy_topology::ops::OpError;

use super::Core;

impl Core {
    /// What is said of a refusal in place of what the admin reads; nothing where that tells of nobody else.
    pub(super) fn discreet(&self, caller: Option<&Name>, error: &OpError) -> Option<String> {
        let is_anothers = |instance: &Name| {
            let owner = self.site.instance(instance).map(|own| &own.project);
            owner.is_none_or(|owner| !Self::sees(caller, Some(owner)))
        };
        match error {
            OpError::Allocated { address, project } if Some(project) != caller => {
                Some(format!("{address} is allocated to another project"))
            }
            OpError::Cooling { address, seconds, .. } => Some(format!(
                "{address} was released by another project, and nobody else gets it for {seconds} more seconds"
            )),
            OpError::FixedIpTaken { fixed_ip, network, instance } if is_anothers(instance) => {
                Some(format!("fixed IP {fixed_ip} of network {network} is taken"))
            }
            OpError::MacTaken { mac, network, instance } if is_anothers(instance) => {
                Some(format!("MAC {mac} in network {network} is taken"))
            }
            OpError::PortTaken { port, bridge, instance } if is_anothers(instance) => {
                Some(format!("port {port} of bridge {bridge} is taken"))
            }
            OpError::DirectPortTaken { port, .. } => Some(format!("port {port} is taken")),
            OpError::DirectAddressTaken { address, .. } => Some(format!("{address} is taken")),
            OpError::NetworksMeet { network, cidr, other, provider, .. }
                if self.site.network(other).is_none_or(|own| !Self::sees(caller, own.project.as_ref())) =>
            {
                Some(format!("network {network} ({cidr}) overlaps another one, and provider {provider} has --no-snat"))
            }
            _ => None,
        }
    }
}
