//! The host's clock, as a number: the core has none of its own.

use core::time::Duration;

/// A moment, in milliseconds since any fixed moment of the host's choosing. It must be monotonic.
///
/// ```
/// use core::time::Duration;
/// use sansmtp::Time;
/// let start = Time::from_millis(10_000);
/// assert_eq!((start + Duration::from_secs(30)).as_millis(), 40_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment `millis` milliseconds after the host's zero.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the host's zero.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl core::ops::Add<Duration> for Time {
    type Output = Self;

    /// Saturates at the end of time instead of wrapping.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// How long each phase may take, counted from the later of two moments: the last byte of the command was
/// written, or the previous reply was complete. The defaults are the minimums of RFC 5321 §4.5.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The greeting, from the moment the connection (or TLS, where it comes first) stood. 5 minutes.
    pub greeting: Duration,
    /// EHLO, HELO, STARTTLS, each step of AUTH, RSET, NOOP, VRFY, EXPN and HELP. 5 minutes.
    pub command: Duration,
    /// MAIL. 5 minutes.
    pub mail: Duration,
    /// RCPT, each. 5 minutes.
    pub rcpt: Duration,
    /// The 354 that answers DATA. 2 minutes.
    pub data_start: Duration,
    /// Any one write that was handed to the transport. 3 minutes.
    pub write: Duration,
    /// The reply to the end of the message. 10 minutes.
    pub data_end: Duration,
    /// The reply to QUIT, which nobody depends on. 1 second.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            greeting: MINUTE.saturating_mul(5),
            command: MINUTE.saturating_mul(5),
            mail: MINUTE.saturating_mul(5),
            rcpt: MINUTE.saturating_mul(5),
            data_start: MINUTE.saturating_mul(2),
            write: MINUTE.saturating_mul(3),
            data_end: MINUTE.saturating_mul(10),
            quit: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_minimums_of_rfc_5321() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.greeting.as_secs(), 300);
        assert_eq!(timeouts.mail.as_secs(), 300);
        assert_eq!(timeouts.rcpt.as_secs(), 300);
        assert_eq!(timeouts.data_start.as_secs(), 120);
        assert_eq!(timeouts.write.as_secs(), 180);
        assert_eq!(timeouts.data_end.as_secs(), 600);
    }

    #[test]
    fn adding_saturates() {
        assert_eq!(Time::from_millis(u64::MAX) + Duration::MAX, Time::from_millis(u64::MAX));
    }
}
