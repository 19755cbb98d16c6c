// SPDX-License-Identifier: MIT OR Apache-2.0
//! Contests: the same work done by several contestants in turn, the order swapped each round.
//!
//! Ratios are paired within a round, because the machine is another one a second later.

use crate::Failure;
use std::time::Duration;

/// How long a contestant runs before it counts.
pub(crate) const WARM_UP: Duration = Duration::from_millis(200);

/// How long it counts.
pub(crate) const COUNTED: Duration = Duration::from_millis(1000);

/// What one contestant did in one round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Operations a second.
    pub(crate) rate: f64,
    /// Half of the operations were faster, microseconds.
    pub(crate) p50_us: f64,
    /// All but one in a hundred were faster, microseconds.
    pub(crate) p99_us: f64,
    /// CPU time of the serving process for each operation, microseconds.
    pub(crate) cpu_us: f64,
    /// CPU time of its children for each operation, microseconds.
    pub(crate) children_cpu_us: f64,
    /// Calls that had to be repeated, for each operation.
    pub(crate) repeated: f64,
}

impl Sample {
    /// From what was counted.
    pub(crate) fn new(latencies: &mut [u64], took: Duration, cpu: Cpu) -> Result<Self, Failure> {
        if latencies.is_empty() {
            return Err("nothing was answered in a whole round".into());
        }
        latencies.sort_unstable();
        let count = latencies.len() as f64;
        let at = |part: f64| latencies[((count - 1.0) * part) as usize] as f64 / 1000.0;
        Ok(Self {
            rate: count / took.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            cpu_us: cpu.server_ns as f64 / 1000.0 / count,
            children_cpu_us: cpu.children_ns as f64 / 1000.0 / count,
            repeated: 0.0,
        })
    }

    /// CPU time of everything that served.
    pub(crate) fn whole_cpu_us(&self) -> f64 {
        self.cpu_us + self.children_cpu_us
    }
}

/// CPU time spent in a span, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) server_ns: u64,
    pub(crate) children_ns: u64,
}

/// One that takes part: called once a round.
pub(crate) type Contestant<'a> = Box<dyn FnMut() -> Result<Sample, Failure> + 'a>;

/// Runs the rounds; samples by contestant, then round.
pub(crate) fn contest(
    rounds: u32,
    contestants: &mut [Contestant<'_>],
) -> Result<Vec<Vec<Sample>>, Failure> {
    let mut samples = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            samples[index].push(contestants[index]()?);
        }
    }
    Ok(samples)
}

/// Median and extremes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of some figures; of none, not a number.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let Some((min, max)) = figures.first().copied().zip(figures.last().copied()) else {
            return Self {
                median: f64::NAN,
                min: f64::NAN,
                max: f64::NAN,
            };
        };
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            f64::midpoint(figures[middle - 1], figures[middle])
        };
        Self { median, min, max }
    }

    /// Of the ratios of two contestants, paired by round.
    pub(crate) fn of_ratios(
        product: &[Sample],
        baseline: &[Sample],
        figure: impl Fn(&Sample) -> f64,
    ) -> Self {
        Self::of(
            product
                .iter()
                .zip(baseline)
                .map(|(ours, bare)| figure(ours) / figure(bare)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert!((spread.median - 2.5).abs() < 1e-9);
        assert!((spread.min - 1.0).abs() < 1e-9 && (spread.max - 4.0).abs() < 1e-9);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn the_order_is_swapped_each_round() {
        let order = std::cell::RefCell::new(Vec::new());
        let mut both: Vec<Contestant<'_>> = ["a", "b"]
            .iter()
            .map(|name| {
                let order = &order;
                Box::new(move || {
                    order.borrow_mut().push(*name);
                    Ok(Sample::default())
                }) as Contestant<'_>
            })
            .collect();
        contest(3, &mut both).unwrap();
        drop(both);
        assert_eq!(order.into_inner(), ["a", "b", "b", "a", "a", "b"]);
    }
}
