//! What a person touches and sees: button, LED and viewer LED as one object
//! without a thread of its own.
//!
//! Invariant: the panel never fails and never waits. Whatever part cannot be had
//! is named in [`Panel::problems`] and tried again every [`RETRY_EVERY`]: a udev
//! rule may come late, another program may end. The rest works meanwhile. The
//! board's own LED shows what the LED shows: nobody can tell from here whether
//! anything is wired to a pin.

use std::time::{Duration, Instant};

use super::{
    Backend, Chip, Configuration, GpioError, Host, Input, Output,
    act_led::ActLed,
    open,
    part::{OnChange, Part, Troubles},
};
use crate::{
    button::{Button, Fault, Gesture, Signal},
    led::{Led, Scene},
};

/// How often the button is looked at: half of its debounce time.
pub const POLL_EVERY: Duration = Duration::from_millis(10);
/// How often a missing part is tried again.
pub const RETRY_EVERY: Duration = Duration::from_secs(5);

// Subjects of trouble, beside the names of the roles.
const CHIP: &str = "gpio";
const ACT_LED: &str = "act-led";
const PRESSED: &str = "button-pressed";

/// Button and LEDs.
pub struct Panel {
    open: Open,
    /// Where the board's own LED may be.
    board: Option<Host>,
    button_pin: Part<dyn Input>,
    led_pin: Part<dyn Output>,
    viewer_led_pin: Option<Part<dyn Output>>,
    act_led: Option<OnChange<ActLed>>,
    button: Button,
    led: Led,
    troubles: Troubles,
    retry_at: Option<Instant>,
    deadline: Instant,
}

type Open = Box<dyn Fn() -> Result<Box<dyn Chip>, GpioError> + Send>;

impl Panel {
    /// Takes the pins that can be had.
    #[must_use]
    pub fn new(configuration: &Configuration, host: &Host, now: Instant) -> Self {
        let backend = host.backend(configuration);
        tracing::info!(?backend, "button and LED");
        let board = (backend != Backend::Simulated).then(|| host.clone());
        let (wanted, host) = (configuration.clone(), host.clone());
        let open: Open = Box::new(move || open(&wanted, &host));
        Self::with(open, board, configuration, now)
    }

    fn with(open: Open, board: Option<Host>, configuration: &Configuration, now: Instant) -> Self {
        let mut panel = Self {
            open,
            board,
            button_pin: Part::missing(configuration.button()),
            led_pin: Part::missing(configuration.led()),
            viewer_led_pin: configuration.viewer_led().map(Part::missing),
            act_led: None,
            button: Button::new(),
            led: Led::default(),
            troubles: Troubles::default(),
            retry_at: None,
            deadline: now,
        };
        panel.acquire();
        panel
    }

    /// Looks at the button and sets the LEDs, as of `now`. Gives the gesture
    /// that a release of the button has completed.
    pub fn poll(&mut self, scene: Scene, now: Instant) -> Option<Gesture> {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.acquire();
        }
        let gesture = self.poll_button(now);
        let light = self.led.light(scene.pattern(self.button.armed(now)), now);
        self.show(light.lit, scene.watched);
        if !self.is_complete() {
            self.retry_at.get_or_insert(now + RETRY_EVERY);
        }
        let next_look = self.button_pin.is_held().then_some(now + POLL_EVERY);
        self.deadline = [next_look, light.until, self.retry_at]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + RETRY_EVERY);
        gesture
    }

    /// When [`Panel::poll`] wants to be called again, at the latest.
    #[must_use]
    pub const fn next_deadline(&self) -> Instant {
        self.deadline
    }

    /// What does not work, each in a sentence that says what to do.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.troubles.iter()
    }

    /// Takes what is missing.
    fn acquire(&mut self) {
        if !self.has_pins() {
            self.acquire_pins();
        }
        self.acquire_act_led();
    }

    fn acquire_pins(&mut self) {
        let troubles = &mut self.troubles;
        match (self.open)() {
            Ok(chip) => {
                troubles.clear(CHIP);
                let output = |line: &_| -> Result<Box<dyn Output>, _> {
                    Ok(Box::new(OnChange::new(chip.output(line)?)))
                };
                self.button_pin.acquire(troubles, |line| chip.input(line));
                self.led_pin.acquire(troubles, output);
                if let Some(pin) = &mut self.viewer_led_pin {
                    pin.acquire(troubles, output);
                }
            }
            Err(error) => troubles.raise(CHIP, error.to_string()),
        }
    }

    fn acquire_act_led(&mut self) {
        if let (None, Some(board)) = (&self.act_led, &self.board) {
            let opened = ActLed::open(board).map(OnChange::new);
            self.act_led = self.keep_act_led(opened);
        }
    }

    /// Its faults matter only while there is no other LED: not every board has
    /// one.
    fn keep_act_led<T>(&mut self, result: Result<T, GpioError>) -> Option<T> {
        match &result {
            Err(error) if !self.led_pin.is_held() => {
                self.troubles.raise(ACT_LED, error.to_string());
            }
            _ => self.troubles.clear(ACT_LED),
        }
        result.ok()
    }

    fn has_pins(&self) -> bool {
        let viewer_led = self.viewer_led_pin.as_ref();
        self.button_pin.is_held() && self.led_pin.is_held() && viewer_led.is_none_or(Part::is_held)
    }

    fn is_complete(&self) -> bool {
        self.has_pins() && self.act_led.is_some() == self.board.is_some()
    }

    fn poll_button(&mut self, now: Instant) -> Option<Gesture> {
        let Some(pressed) = self.button_pin.is_active(&mut self.troubles) else {
            // Whatever was begun ends here: the release may never be seen.
            self.button = Button::new();
            self.troubles.clear(PRESSED);
            return None;
        };
        match self.button.sample(pressed, now)? {
            Signal::Pressed => self.led.acknowledge(now),
            Signal::Released(gesture) => {
                tracing::info!(?gesture, "button");
                return Some(gesture);
            }
            Signal::Ignored(fault) => {
                let since = match fault {
                    Fault::PressedAtStart => "since the start",
                    Fault::Stuck => "for half a minute",
                };
                let pin = self.button_pin.line().pin;
                let problem = format!(
                    "the button at {pin} has been pressed {since} and is ignored until it is released: if nobody holds it, check its wires"
                );
                self.troubles.raise(PRESSED, problem);
            }
            Signal::Usable => self.troubles.clear(PRESSED),
        }
        None
    }

    fn show(&mut self, lit: bool, watched: bool) {
        self.led_pin.set_active(&mut self.troubles, lit);
        if let Some(pin) = &mut self.viewer_led_pin {
            pin.set_active(&mut self.troubles, watched);
        }
        if let Some(mut led) = self.act_led.take() {
            let set = led.set_active(lit);
            self.act_led = self.keep_act_led(set).map(|()| led);
        }
    }
}

impl Drop for Panel {
    /// Dark: kernels differ in what becomes of a pin that is given back.
    fn drop(&mut self) {
        self.show(false, false);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs, io,
        path::Path,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        gpio::{Line, Role},
        led::State,
    };

    const STREAMING: Scene = Scene {
        state: State::Streaming,
        filming: true,
        watched: true,
    };

    /// A board whose faults a test sets.
    #[derive(Clone, Default)]
    struct Board(Arc<Mutex<Pins>>);

    #[derive(Default)]
    struct Pins {
        taken: Vec<Role>,
        broken: bool,
        pressed: bool,
        lit: Vec<Role>,
    }

    struct BoardPin(Board, Role);

    impl Board {
        fn set(&self, change: impl FnOnce(&mut Pins)) {
            change(&mut self.0.lock().unwrap());
        }

        fn lit(&self) -> Vec<Role> {
            let mut lit = self.0.lock().unwrap().lit.clone();
            lit.sort_by_key(|role| role.name());
            lit
        }

        fn take(&self, line: &Line) -> Result<Box<BoardPin>, GpioError> {
            if self.0.lock().unwrap().taken.contains(&line.role) {
                return Err(GpioError::PinTaken {
                    pin: line.pin,
                    holder: "\"fan\"".into(),
                });
            }
            Ok(Box::new(BoardPin(self.clone(), line.role)))
        }

        fn works(&self) -> Result<(), GpioError> {
            if self.0.lock().unwrap().broken {
                return Err(GpioError::Io {
                    what: "cannot use /dev/gpiochip0".into(),
                    source: io::ErrorKind::BrokenPipe.into(),
                });
            }
            Ok(())
        }
    }

    impl Chip for Board {
        fn input(&self, line: &Line) -> Result<Box<dyn Input>, GpioError> {
            Ok(self.take(line)?)
        }

        fn output(&self, line: &Line) -> Result<Box<dyn Output>, GpioError> {
            Ok(self.take(line)?)
        }
    }

    impl Input for BoardPin {
        fn is_active(&mut self) -> Result<bool, GpioError> {
            self.0.works()?;
            Ok(self.0.0.lock().unwrap().pressed)
        }
    }

    impl Output for BoardPin {
        fn set_active(&mut self, active: bool) -> Result<(), GpioError> {
            self.0.works()?;
            let role = self.1;
            self.0.set(|pins| {
                pins.lit.retain(|other| *other != role);
                if active {
                    pins.lit.push(role);
                }
            });
            Ok(())
        }
    }

    fn panel(board: &Board, root: &Path, now: Instant) -> Panel {
        let configuration = Configuration {
            viewer_led_pin: Some(22.try_into().unwrap()),
            ..Configuration::default()
        };
        let board = board.clone();
        let open: Open = Box::new(move || Ok(Box::new(board.clone())));
        Panel::with(open, Some(Host::at(root)), &configuration, now)
    }

    fn problems(panel: &Panel) -> String {
        panel.problems().collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_boards_led_shows_the_same() {
        let root = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let board = Board::default();
        board.set(|pins| pins.taken = vec![Role::Led]);

        let mut panel = panel(&board, root.path(), start);
        let _ = panel.poll(STREAMING, start);
        let taken = "GPIO27 is taken by \"fan\": end that, or choose another pin in [gpio]";
        assert_eq!(
            problems(&panel),
            format!(
                "the board has no ACT LED that can be used (none of /sys/class/leds/ACT, /sys/class/leds/led0)\n{taken}"
            )
        );

        // The kernel shows it late in boot.
        let led = root.path().join("sys/class/leds/ACT");
        fs::create_dir_all(&led).unwrap();
        fs::write(led.join("trigger"), "none [mmc0] timer\n").unwrap();
        let read = |name: &str| fs::read_to_string(led.join(name)).unwrap();
        let _ = panel.poll(STREAMING, start + RETRY_EVERY);
        assert_eq!(
            (read("trigger"), read("brightness")),
            ("none".into(), "1".into())
        );
        assert_eq!(problems(&panel), taken);

        board.set(|pins| pins.taken.clear());
        let _ = panel.poll(STREAMING, start + 2 * RETRY_EVERY);
        assert_eq!(board.lit(), [Role::Led, Role::ViewerLed]);
        assert_eq!(read("brightness"), "1", "also beside a wired one");
        assert_eq!(problems(&panel), "");

        drop(panel);
        assert_eq!(board.lit(), []);
        assert_eq!(read("trigger"), "mmc0", "given back");
    }

    #[test]
    fn a_board_without_an_led_is_no_problem_where_one_is_wired() {
        let root = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let board = Board::default();
        let mut panel = panel(&board, root.path(), start);
        let _ = panel.poll(STREAMING, start);
        assert_eq!(problems(&panel), "");
    }

    #[test]
    fn a_device_that_fails_is_taken_again() {
        let root = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let board = Board::default();
        let mut panel = panel(&board, root.path(), start);
        let _ = panel.poll(STREAMING, at(0));
        let _ = panel.poll(STREAMING, at(20));
        board.set(|pins| pins.pressed = true);
        let _ = panel.poll(STREAMING, at(30));
        let _ = panel.poll(STREAMING, at(50));

        board.set(|pins| pins.broken = true);
        assert_eq!(panel.poll(STREAMING, at(60)), None);
        assert!(problems(&panel).contains("cannot use /dev/gpiochip0: "));
        assert_eq!(panel.next_deadline(), at(170), "the press was acknowledged");
        board.set(|pins| pins.broken = false);
        assert_eq!(panel.poll(STREAMING, at(5060)), None);
        assert_eq!(problems(&panel), "");

        // Half a press is none, and a button still held is ignored.
        assert_eq!(panel.poll(STREAMING, at(5080)), None);
        assert!(
            problems(&panel).starts_with("the button at GPIO17 has been pressed since the start")
        );
        board.set(|pins| pins.pressed = false);
        let _ = panel.poll(STREAMING, at(5090));
        assert_eq!(panel.poll(STREAMING, at(5110)), None);
        assert_eq!(problems(&panel), "");
    }
}
