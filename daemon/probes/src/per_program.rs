//! A value for each program; a set of programs.

use busdma_ebpf::Program;

/// A value for each program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PerProgram<T>([T; Program::COUNT]);

/// A set of programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgramSet(u32);

impl<T> PerProgram<T> {
    /// What `value` says of each.
    pub fn from_fn(mut value: impl FnMut(Program) -> T) -> Self {
        let mut programs = Program::ALL.iter();
        Self(std::array::from_fn(|_| value(programs.next().copied().unwrap_or(Program::DmaMapPage))))
    }

    /// The value of one.
    pub fn get(&self, program: Program) -> &T {
        &self.0[program.index()]
    }

    /// The value of one, to be changed.
    pub fn get_mut(&mut self, program: Program) -> &mut T {
        &mut self.0[program.index()]
    }

    /// Every program with its value, in the order of [`Program::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Program, &T)> {
        Program::ALL.iter().copied().zip(&self.0)
    }
}

impl<T: Default> Default for PerProgram<T> {
    fn default() -> Self {
        Self::from_fn(|_| T::default())
    }
}

impl PerProgram<u64> {
    /// All of them together.
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl ProgramSet {
    /// Every program.
    pub const ALL: Self = Self(u32::MAX >> (u32::BITS as usize - Program::COUNT));

    /// No program.
    pub const NONE: Self = Self(0);

    /// This and one more.
    #[must_use]
    pub const fn with(self, program: Program) -> Self {
        Self(self.0 | 1 << program.number())
    }

    /// This without one.
    #[must_use]
    pub const fn without(self, program: Program) -> Self {
        Self(self.0 & !(1 << program.number()))
    }

    /// Whether it holds that one.
    pub const fn contains(self, program: Program) -> bool {
        self.0 >> program.number() & 1 == 1
    }
}

impl FromIterator<Program> for ProgramSet {
    fn from_iter<I: IntoIterator<Item = Program>>(programs: I) -> Self {
        programs.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        for &program in Program::ALL {
            assert!(ProgramSet::ALL.contains(program));
            assert!(!ProgramSet::ALL.without(program).contains(program));
            assert_eq!(ProgramSet::NONE.with(program), [program].into_iter().collect());
        }
        assert_eq!(ProgramSet::ALL, Program::ALL.iter().copied().collect());
    }

    #[test]
    fn every_program_has_its_own_value() {
        let numbers = PerProgram::from_fn(Program::number);
        for (program, number) in numbers.iter() {
            assert_eq!(program.number(), *number);
            assert_eq!(numbers.get(program), number);
        }
        assert_eq!(numbers.iter().count(), Program::COUNT);
    }
}
