//! Cycles in a graph of transactions: Tarjan's search for strongly connected components, with a stack
//! of its own, so that a long chain does not exhaust the thread's.

use std::collections::{BTreeMap, BTreeSet};

/// The sets of two or more nodes that all lead to each other.
pub(crate) fn cycles(edges: &BTreeSet<(u32, u32)>) -> Vec<Vec<u32>> {
    let nodes: BTreeSet<u32> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let numbers: Vec<u32> = nodes.into_iter().collect();
    let at: BTreeMap<u32, usize> = numbers.iter().copied().zip(0..).collect();
    let mut targets = vec![Vec::new(); numbers.len()];
    for (from, to) in edges {
        targets[at[from]].push(at[to]);
    }
    let mut search = Search {
        marks: vec![None; numbers.len()],
        targets,
        met: 0,
        open: Vec::new(),
        found: Vec::new(),
    };
    (0..numbers.len()).for_each(|root| search.visit(root));
    let named = |component: Vec<usize>| component.into_iter().map(|node| numbers[node]).collect();
    search.found.into_iter().map(named).collect()
}

#[derive(Clone, Copy)]
struct Mark {
    /// When the node was met.
    met: usize,
    /// The first that is open and can be reached from here, as far as is known.
    low: usize,
    is_open: bool,
}

struct Search {
    targets: Vec<Vec<usize>>,
    marks: Vec<Option<Mark>>,
    met: usize,
    /// Nodes that were met and belong to no component yet.
    open: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Search {
    fn visit(&mut self, root: usize) {
        if self.marks[root].is_some() {
            return;
        }
        self.enter(root);
        // The way from the root, and which target of each node comes next.
        let mut way = vec![(root, 0)];
        while let Some((node, next)) = way.last_mut() {
            let (node, target) = (*node, self.targets[*node].get(*next).copied());
            *next += 1;
            match target.map(|target| (target, self.marks[target])) {
                Some((target, None)) => {
                    self.enter(target);
                    way.push((target, 0));
                }
                Some((_, Some(mark))) if mark.is_open => self.lower(node, mark.met),
                Some(_) => {}
                None => {
                    way.pop();
                    let low = self.close(node);
                    if let Some((before, _)) = way.last() {
                        self.lower(*before, low);
                    }
                }
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.marks[node] = Some(Mark { met: self.met, low: self.met, is_open: true });
        self.met += 1;
        self.open.push(node);
    }

    fn lower(&mut self, node: usize, low: usize) {
        if let Some(mark) = &mut self.marks[node] {
            mark.low = mark.low.min(low);
        }
    }

    /// Leaves a node. The first of a component takes the others along.
    fn close(&mut self, node: usize) -> usize {
        let Some(Mark { met, low, .. }) = self.marks[node] else { return self.met };
        if low == met {
            let first = self.open.iter().rposition(|open| *open == node).unwrap_or_default();
            let component = self.open.split_off(first);
            for member in &component {
                if let Some(mark) = &mut self.marks[*member] {
                    mark.is_open = false;
                }
            }
            if component.len() > 1 {
                self.found.push(component);
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::cycles;

    fn found(edges: &[(u32, u32)]) -> Vec<Vec<u32>> {
        let mut found = cycles(&edges.iter().copied().collect());
        for cycle in &mut found {
            cycle.sort_unstable();
        }
        found.sort();
        found
    }

    #[test]
    fn only_what_leads_back_is_a_cycle() {
        assert_eq!(found(&[]), [[0; 0]; 0]);
        assert_eq!(found(&[(1, 2), (2, 3), (1, 3), (4, 3)]), [[0; 0]; 0]);
        assert_eq!(found(&[(1, 2), (2, 1), (2, 3)]), [[1, 2]]);
        let two = [(9, 1), (1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (5, 6)];
        assert_eq!(found(&two), [vec![1, 2, 3], vec![4, 5]]);
        let crossed = [(1, 2), (2, 3), (3, 4), (4, 2), (4, 1), (1, 3)];
        assert_eq!(found(&crossed), [[1, 2, 3, 4]]);
    }

    #[test]
    fn a_long_way_round_is_found() {
        let mut edges: Vec<(u32, u32)> = (0..200_000).map(|node| (node, node + 1)).collect();
        assert_eq!(found(&edges), [[0; 0]; 0]);
        edges.push((200_000, 0));
        assert_eq!(found(&edges)[0].len(), 200_001);
    }
}
