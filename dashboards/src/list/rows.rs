//! The rows of several machines as one sequence.

/// Rows of several machines as one sequence, without a copy of any.
#[derive(Clone, Debug)]
pub struct Rows<'a, R> {
    parts: Vec<Part<'a, R>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Part<'a, R> {
    /// Rows of the parts before.
    start: usize,
    rows: &'a [R],
}

impl<'a, R> Rows<'a, R> {
    /// The rows of all parts, one part after the other.
    pub fn of(parts: impl IntoIterator<Item = &'a [R]>) -> Self {
        let mut rows = Self { parts: Vec::new(), len: 0 };
        for part in parts {
            if !part.is_empty() {
                rows.parts.push(Part { start: rows.len, rows: part });
                rows.len += part.len();
            }
        }
        rows
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The row of that index.
    pub fn get(&self, index: usize) -> Option<&'a R> {
        let part = self.parts.partition_point(|part| part.start <= index).checked_sub(1)?;
        let part = self.parts.get(part)?;
        part.rows.get(index - part.start)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a R> {
        self.parts.iter().flat_map(|part| part.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        let parts: [&[u8]; 5] = [&[], &[1, 2], &[], &[3], &[4, 5, 6]];
        let rows = Rows::of(parts);
        assert_eq!((rows.len(), rows.is_empty()), (6, false));
        assert!(rows.iter().eq(&[1, 2, 3, 4, 5, 6]));
        let by_index: Vec<_> = (0..8).map(|index| rows.get(index).copied()).collect();
        assert_eq!(by_index, [Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), None, None]);
        assert_eq!(Rows::<u8>::of([]).get(0), None);
    }
}
