//! A build over any kind of rows, from the first row written to the last link read.

use super::source::{Source, SourceParts};
use super::space::Space;
use super::steps::Build;
use super::Options;
use lancelet_common::error::{KernelError, Result};

/// Rows of a level and links of each; and the links with their distances.
type Rows<'a> = (&'a mut [u32], &'a mut [u32]);
type Neighbors<'a> = (&'a mut [u32], &'a mut [f32]);

pub trait AnyJob {
    /// Where rows are written, up to so many bytes of them.
    fn rows_pointer(&mut self, end: usize) -> Result<usize>;
    fn add_source(&mut self, parts: SourceParts) -> Result<()>;
    fn step(&mut self) -> Result<()>;
    fn is_done(&self) -> bool;
    fn progress(&self) -> usize;
    fn comparisons(&self) -> usize;
    fn entry(&self) -> u32;
    /// Rows and links of a level.
    fn count(&self, level: usize) -> (usize, usize);
    fn write(&self, level: usize, rows: Rows, neighbors: Neighbors) -> Result<()>;
}

enum State<S: Space> {
    Waiting {
        space: S,
        sources: Vec<Source>,
    },
    Building(Box<Build<S>>),
    /// Between the two; also where a build could not be started.
    Failed,
}

pub struct Job<S: Space> {
    state: State<S>,
    shape: (usize, usize),
    options: Options,
}

const STARTED: KernelError = KernelError::Invalid("a graph that is built takes no more rows");

impl<S: Space> Job<S> {
    /// @param shape rows, and values of each
    pub fn new(space: S, shape: (usize, usize), options: Options) -> Job<S> {
        let sources = Vec::new();
        Job {
            state: State::Waiting { space, sources },
            shape,
            options,
        }
    }

    fn built(&self) -> Option<&Build<S>> {
        match &self.state {
            State::Building(build) => Some(build.as_ref()),
            _ => None,
        }
    }
}

impl<S: Space> AnyJob for Job<S> {
    fn rows_pointer(&mut self, end: usize) -> Result<usize> {
        match &mut self.state {
            State::Waiting { space, .. } => Ok(space.take_bytes(end).as_mut_ptr() as usize),
            _ => Err(STARTED),
        }
    }

    fn add_source(&mut self, parts: SourceParts) -> Result<()> {
        match &mut self.state {
            State::Waiting { sources, .. } => {
                sources.push(Source::new(parts, self.shape.0)?);
                Ok(())
            }
            _ => Err(STARTED),
        }
    }

    fn step(&mut self) -> Result<()> {
        if let State::Waiting { .. } = self.state {
            if let State::Waiting { space, sources } =
                core::mem::replace(&mut self.state, State::Failed)
            {
                let build = Build::new(space, self.shape, sources, self.options)?;
                self.state = State::Building(Box::new(build));
            }
        }
        match &mut self.state {
            State::Building(build) => build.step(),
            _ => Err(KernelError::Invalid("a graph whose build failed")),
        }
    }

    fn is_done(&self) -> bool {
        self.built().is_some_and(Build::is_done)
    }

    fn progress(&self) -> usize {
        self.built().map_or(0, Build::progress)
    }

    fn comparisons(&self) -> usize {
        self.built().map_or(0, Build::comparisons)
    }

    fn entry(&self) -> u32 {
        self.built().and_then(Build::entry).unwrap_or(0)
    }

    fn count(&self, level: usize) -> (usize, usize) {
        self.built().map_or((0, 0), |build| {
            let level = build.level(level);
            (level.count_rows(), level.count_links())
        })
    }

    fn write(&self, level: usize, rows: Rows, neighbors: Neighbors) -> Result<()> {
        let Some(build) = self.built() else {
            return Err(KernelError::Invalid("a graph that is not built"));
        };
        build
            .level(level)
            .write(rows, neighbors, |key| build.space().distance(key))
    }
}
