//! The one table of what the LED can look like and what that means, for the
//! LED itself, for the documents and for whoever shows it elsewhere.
//!
//! *A long flash asks for you, short ones ask for patience.*

/// What the LED can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each one's row says what it means")]
pub enum Look {
    Starting,
    NeedsConfiguration,
    WifiConnecting,
    CloudConnecting,
    Ready,
    Streaming,
    StreamingWatched,
    Degraded,
    DegradedWatched,
    CameraFault,
    Fatal,
    HeldForNetworking,
    ShuttingDown,
}

/// One look, in words for its reader.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What is told.
    pub name: &'static str,
    /// What it looks like.
    pub looks: &'static str,
    /// What it means, and what to do.
    pub meaning: &'static str,
    /// A mark, the gap behind it, the next mark, ... in milliseconds, all of
    /// them multiples of 50, played again and again.
    pub marks_ms: &'static [u16],
}

impl Look {
    /// The whole table, in its order.
    pub const ALL: [Self; 13] = [
        Self::Starting,
        Self::NeedsConfiguration,
        Self::WifiConnecting,
        Self::CloudConnecting,
        Self::Ready,
        Self::Streaming,
        Self::StreamingWatched,
        Self::Degraded,
        Self::DegradedWatched,
        Self::CameraFault,
        Self::Fatal,
        Self::HeldForNetworking,
        Self::ShuttingDown,
    ];

    /// Whether this look itself says that frames leave the sensor.
    #[must_use]
    pub const fn films(self) -> bool {
        matches!(
            self,
            Self::Streaming | Self::StreamingWatched | Self::Degraded | Self::DegradedWatched
        )
    }

    /// Its row of the table.
    #[must_use]
    pub const fn row(self) -> Row {
        match self {
            Self::Starting => Row {
                name: "starting",
                looks: "blinks twice a second",
                meaning: "Wait.",
                marks_ms: &[200, 300],
            },
            Self::NeedsConfiguration => Row {
                name: "needs configuration",
                looks: "one long flash, one short",
                meaning: "`zerocam.toml` is missing or has an error. Put the card into a computer: `zerocam-status.txt` says which line.",
                marks_ms: &[600, 250, 150, 1500],
            },
            Self::WifiConnecting => Row {
                name: "Wi-Fi connecting",
                looks: "two short flashes",
                meaning: "Wait. After a minute: check the name and the password of the Wi-Fi, and the distance.",
                marks_ms: &[150, 250, 150, 1500],
            },
            Self::CloudConnecting => Row {
                name: "cloud connecting",
                looks: "three short flashes",
                meaning: "Wi-Fi works, the service is not reached. Wait. After a minute: check the internet connection, the address and the key.",
                marks_ms: &[150, 250, 150, 250, 150, 1500],
            },
            Self::Ready => Row {
                name: "ready",
                looks: "a tiny flash every two seconds",
                meaning: "Not filming. Press to start.",
                marks_ms: &[100, 1900],
            },
            Self::Streaming => Row {
                name: "streaming",
                looks: "steady light",
                meaning: "Live. Press to stop.",
                marks_ms: &[],
            },
            Self::StreamingWatched => Row {
                name: "streaming, watched",
                looks: "light that flutters every three seconds",
                meaning: "Live, and somebody is watching.",
                marks_ms: &[100, 100, 100, 100, 100, 100, 100, 2300],
            },
            Self::Degraded => Row {
                name: "degraded",
                looks: "light with a short gap again and again",
                meaning: "Live, but something makes it worse or may end it: weak Wi-Fi, a weak power supply, heat, a card that keeps nothing. `zerocam-status.txt` and `zerocam status` say what to do.",
                marks_ms: &[150, 1500],
            },
            Self::DegradedWatched => Row {
                name: "degraded, watched",
                looks: "light with a short gap, then a flutter",
                meaning: "Live, not as it should be, and somebody is watching.",
                marks_ms: &[150, 750, 100, 100, 100, 100, 100, 100, 100, 1400],
            },
            Self::CameraFault => Row {
                name: "camera fault",
                looks: "one long flash, two short",
                meaning: "The camera gives no picture. Switch off and check both ends of its ribbon cable.",
                marks_ms: &[600, 250, 150, 250, 150, 1500],
            },
            Self::Fatal => Row {
                name: "fatal",
                looks: "long flashes only",
                meaning: "Broken in a way that does not mend itself: the program crashes at every start, or the Wi-Fi's radio is gone. `zerocam-status.txt` says what to do.",
                marks_ms: &[600, 900],
            },
            Self::HeldForNetworking => Row {
                name: "button held for 3 s",
                looks: "blinks four times a second",
                meaning: "Let go to restart networking and to read the configuration again.",
                marks_ms: &[100, 150],
            },
            Self::ShuttingDown => Row {
                name: "button held for 8 s, and shutting down",
                looks: "flickers",
                meaning: "Let go to shut down. Once it has been dark for ten seconds the power can be cut.",
                marks_ms: &[50, 100],
            },
        }
    }
}
