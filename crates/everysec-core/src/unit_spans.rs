//! Execution units that lie in more than one block, as stretches of LSNs, oldest first. Each begins where a block begins. A
//! log that gives up a file has to begin the next one at the start of a unit, so the blocks of a unit are kept together.

use std::collections::VecDeque;

#[derive(Default)]
pub struct UnitSpans {
    /// Start and end.
    spans: VecDeque<(u64, u64)>,
    /// The last of them is not over.
    is_open: bool,
}

impl UnitSpans {
    /// A block was sealed. `goes_on`: its unit is not over; it began with the block, or before it.
    pub fn note(&mut self, start: u64, end: u64, goes_on: bool) {
        match self.spans.back_mut() {
            Some(last) if self.is_open => last.1 = end,
            _ if goes_on => self.spans.push_back((start, end)),
            _ => {}
        }
        self.is_open = goes_on;
    }

    /// The open unit ends where the last block ends.
    pub fn end_open(&mut self) {
        self.is_open = false;
    }

    /// Start of the unit that has bytes before and after `lsn`, which lies between two blocks; `lsn` itself where none has.
    pub fn start_at(&self, lsn: u64) -> u64 {
        let open = self.spans.len().checked_sub(1).filter(|_| self.is_open);
        let has_lsn_within = |(i, (start, end)): (usize, &(u64, u64))| {
            (*start < lsn && (lsn < *end || open == Some(i))).then_some(*start)
        };
        self.spans.iter().enumerate().find_map(has_lsn_within).unwrap_or(lsn)
    }

    /// What is over by `lsn` will not be asked for any more.
    pub fn forget(&mut self, lsn: u64) {
        let kept = usize::from(self.is_open);
        while self.spans.len() > kept && self.spans.front().is_some_and(|span| span.1 <= lsn) {
            self.spans.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks [0, 10) alone, [10, 20) [20, 30) [30, 40) one unit, [40, 50) alone.
    fn spans() -> UnitSpans {
        let mut spans = UnitSpans::default();
        for (start, goes_on) in [(0, false), (10, true), (20, true), (30, false), (40, false)] {
            spans.note(start, start + 10, goes_on);
        }
        spans
    }

    #[test]
    fn an_lsn_inside_a_unit_leads_to_its_start_and_one_between_units_to_itself() {
        let starts: Vec<u64> = (0..=5).map(|i| spans().start_at(10 * i)).collect();
        assert_eq!(starts, [0, 10, 10, 10, 40, 50]);
    }

    #[test]
    fn the_end_of_the_last_block_lies_inside_a_unit_that_is_not_over() {
        let mut spans = UnitSpans::default();
        spans.note(0, 10, false);
        spans.note(10, 20, true);
        assert_eq!(spans.start_at(20), 10);
        spans.end_open();
        assert_eq!(spans.start_at(20), 20);
        spans.note(20, 30, false);
        assert_eq!((spans.start_at(20), spans.start_at(30)), (20, 30));
    }

    #[test]
    fn only_what_is_over_is_forgotten() {
        let mut spans = spans();
        spans.forget(30);
        assert_eq!(spans.start_at(30), 10);
        spans.forget(40);
        assert_eq!(spans.start_at(30), 30);
        spans.note(50, 60, true);
        spans.forget(60);
        assert_eq!(spans.start_at(60), 50);
    }
}
