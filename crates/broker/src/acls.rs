//! Looking at ACLs, and changing them.

use thalweg_cluster::ClusterState;
use thalweg_cluster::acl::{Acl, AclFilter, AclOperation, AclTarget};

use crate::metadata::each;
use crate::{Broker, BrokerError, Session};

impl Broker {
    /// The ACLs that `filter` picks, sorted by resource.
    pub fn describe_acls(
        &self,
        session: &Session,
        filter: &AclFilter,
    ) -> Result<Vec<Acl>, BrokerError> {
        let table = self.table();
        table.authorize(session, AclOperation::Describe, AclTarget::CLUSTER)?;
        Ok(table.state.acls().iter().filter(|acl| filter.matches(acl)).collect())
    }

    /// Creates ACLs, and says of each whether it is there now. They count from here on, and survive
    /// a restart. The outer error means that none of them is known to be there.
    pub async fn create_acls(
        &self,
        session: &Session,
        acls: Vec<Acl>,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        self.table().authorize(session, AclOperation::Alter, AclTarget::CLUSTER)?;
        let decide = move |state: &ClusterState| {
            each(state, &acls, |state, acl| Ok(((), state.create_acl(acl)?)))
        };
        Ok(self.shared.metadata.propose(decide).await?.0)
    }

    /// Deletes the ACLs that each filter picks, and returns them.
    pub async fn delete_acls(
        &self,
        session: &Session,
        filters: Vec<AclFilter>,
    ) -> Result<Vec<Vec<Acl>>, BrokerError> {
        self.table().authorize(session, AclOperation::Alter, AclTarget::CLUSTER)?;
        let decide = move |state: &ClusterState| Ok(state.delete_acls(&filters));
        Ok(self.shared.metadata.propose(decide).await?.0)
    }
}
