// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line for each transaction, found at once: checkers look at them after every step. Ids are small
//! numbers, one after the other.

use payhal_engine::ids::TransactionId;
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Lines<T>(Vec<Option<Box<T>>>);

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> Lines<T> {
    pub(crate) fn get(&self, id: TransactionId) -> Option<&T> {
        self.0.get(place(id))?.as_deref()
    }

    /// The line of a transaction, which it gets now if it has none.
    pub(crate) fn begun(&mut self, id: TransactionId) -> &mut T {
        let place = place(id);
        if self.0.len() <= place {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place].get_or_insert_default()
    }

    /// In the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TransactionId, &T)> {
        let lines = self.0.iter().enumerate();
        lines.filter_map(|(place, line)| Some((id(place), line.as_deref()?)))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T: Default> std::ops::Index<&TransactionId> for Lines<T> {
    type Output = T;

    fn index(&self, id: &TransactionId) -> &T {
        self.get(*id).expect("it is there")
    }
}

fn place(id: TransactionId) -> usize {
    usize::try_from(id.0.as_u128()).expect("ids are small")
}

fn id(place: usize) -> TransactionId {
    TransactionId(Uuid::from_u128(place as u128))
}
