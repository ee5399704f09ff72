use crate::database::plan::BudgetPlan;

/// What a server says of itself, asked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerLimit {
    /// The most connections of all its clients.
    pub(crate) max_connections: usize,
    /// Those of them that who connects cannot get.
    pub(crate) reserved: usize,
    /// The most of who connects, if that is less.
    pub(crate) own: Option<usize>,
}

impl BudgetPlan {
    /// Without a number in the config: four fifths of what the server has for us, shared by the replicas. The
    /// rest is for those who look after it, and for others.
    pub(in crate::database::server) fn budget(&self, server: Option<ServerLimit>) -> usize {
        const WITHOUT_LIMIT: usize = 100;
        let safe = |it: ServerLimit| {
            let all = it.max_connections.saturating_sub(it.reserved) * 4 / 5;
            (all.min(it.own.unwrap_or(all)) / self.replicas).max(1)
        };
        self.max_connections.unwrap_or_else(|| server.map_or(WITHOUT_LIMIT, safe))
    }
}
