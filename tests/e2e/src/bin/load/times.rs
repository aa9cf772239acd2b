//! Percentiles of measured times.

use std::time::Duration;

/// The time that this share of the times does not exceed, by the nearest rank. `None` without times.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> Option<Duration> {
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.checked_sub(1)?).copied()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        milliseconds.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut hundred = times((1..=100).rev());
        assert_eq!(percentile(&mut hundred, 50), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&mut hundred, 99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&mut times([7, 1, 9]), 50), Some(Duration::from_millis(7)));
    }

    #[test]
    fn with_fewer_than_a_hundred_times_the_99th_percentile_is_the_longest() {
        assert_eq!(percentile(&mut times(1..=99), 99), Some(Duration::from_millis(99)));
        assert_eq!(percentile(&mut times([3]), 99), Some(Duration::from_millis(3)));
    }

    #[test]
    fn no_times_have_no_percentile() {
        assert_eq!(percentile(&mut [], 50), None);
    }

    #[test]
    fn a_time_is_told_in_milliseconds() {
        assert!((milliseconds(Duration::from_micros(1500)) - 1.5).abs() < 1e-9);
    }
}
