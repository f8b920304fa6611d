//! What is going to happen in a history, drawn before it begins: so that steps can be left out of it, and the others
//! stay as they are.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, bail};
use clap::ValueEnum as _;

use crate::dice::Dice;

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident: $calm:literal $stormy:literal $catastrophic:literal,)*) => {
        /// One thing that somebody does, or that happens to everybody.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $doc])* $name,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            const CALM: &[(Self, u32)] = &[$((Self::$name, $calm),)*];
            const STORMY: &[(Self, u32)] = &[$((Self::$name, $stormy),)*];
            const CATASTROPHIC: &[(Self, u32)] = &[$((Self::$name, $catastrophic),)*];

            /// Whether it leaves nobody who could hang up.
            #[must_use]
            pub const fn stops_everybody(self) -> bool {
                matches!(self, Self::PowerCut | Self::PutBack | Self::Restore)
            }

            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| format!("{action:?}") == text)
            }
        }
    };
}

// How often each comes at each level.
actions! {
    /// An app sends a recording it has just made.
    Upload: 20 20 20,
    /// An app sends one again that it has no answer for, or has had one for.
    Repeat: 10 12 12,
    /// Somebody sends other audio under an id that is taken.
    Clash: 2 2 2,
    /// Somebody wants a deleted recording back.
    UploadAgain: 3 3 3,
    /// Somebody looks at a recording, perhaps at one that is not theirs.
    Find: 6 6 6,
    /// Somebody plays all of a recording.
    Play: 6 6 6,
    /// Somebody plays some of a recording.
    PlayRange: 4 4 4,
    /// Somebody reads the whole list, page by page.
    List: 4 4 4,
    /// Somebody renames a recording.
    Rename: 5 5 5,
    /// Somebody deletes a recording.
    Delete: 10 10 10,
    /// An app announces a recording that it is going to send in parts.
    Announce: 8 8 8,
    /// An app sends the part of an announced recording.
    SendPart: 10 10 10,
    /// An app says that all parts are sent.
    Complete: 10 10 10,
    /// An app takes an announcement back.
    Abort: 3 3 3,
    /// Somebody new signs up, perhaps for the second time.
    SignUp: 2 2 2,
    /// Somebody logs in on another device.
    LogIn: 3 3 3,
    /// Somebody presents a token.
    Present: 5 5 5,
    /// Somebody logs out.
    LogOut: 2 2 2,
    /// Somebody ends a session by its id, perhaps one that is not theirs.
    CloseSession: 1 1 1,
    /// Somebody logs out everywhere.
    LogOutEverywhere: 1 1 1,
    /// Somebody changes their password.
    ChangePassword: 1 1 1,
    /// Somebody has forgotten their password, and chooses it anew with a code of the operator's.
    ForgetPassword: 1 1 1,
    /// Somebody links another email address, and unlinks it.
    ChangeIdentities: 1 1 1,
    /// Somebody proves a social id to be theirs that another has come by.
    ProveSocialId: 1 1 1,
    /// Somebody has an API token made, uses it, and revokes it.
    UseToken: 1 2 2,
    /// The operator disables somebody, and enables them again.
    DisableUser: 1 1 1,
    /// Somebody new records something, and leaves for good.
    Leave: 1 2 2,
    /// Somebody makes a playback link.
    MakeLink: 4 4 4,
    /// Somebody plays by a link they have.
    PlayLink: 6 6 6,
    /// A device learns what has changed.
    ReadChanges: 8 8 8,
    /// A client hangs up.
    HangUp: 0 12 12,
    /// A server is killed and started again.
    Crash: 0 2 2,
    /// Time passes.
    Pass: 6 6 6,
    /// A server's clock is set.
    SetClock: 0 2 2,
    /// A server sweeps.
    Sweep: 2 3 3,
    /// The disk is full, or has room again.
    Fill: 0 2 2,
    /// The stores refuse most calls, or take them again.
    Throttle: 0 1 1,
    /// All servers lose their power.
    PowerCut: 0 1 1,
    /// The operator stops a server, has it finish, and starts it with other settings.
    Restart: 2 2 2,
    /// The operator compares rows and audio, and counts anew.
    Verify: 1 2 2,
    /// The operator rotates the keys of links.
    RotateKeys: 1 1 1,
    /// The operator makes a backup.
    BackUp: 1 1 3,
    /// The operator restores a backup.
    Restore: 0 0 2,
    /// The operator copies the rows.
    CopyRows: 0 0 3,
    /// The operator puts rows back that were copied before.
    PutBack: 0 0 2,
    /// A bit of some audio falls over.
    Rot: 0 0 3,
}

/// How bad it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Nothing goes wrong.
    Calm,
    /// Calls fail, clients hang up, servers are killed, clocks are set.
    Stormy,
    /// Rows are put back and bits fall over, too.
    Catastrophic,
}

impl Level {
    const fn actions(self) -> &'static [(Action, u32)] {
        match self {
            Self::Calm => Action::CALM,
            Self::Stormy => Action::STORMY,
            Self::Catastrophic => Action::CATASTROPHIC,
        }
    }

    /// How many calls in ten thousand go wrong.
    #[must_use]
    pub const fn faults(self) -> u32 {
        match self {
            Self::Calm => 0,
            Self::Stormy | Self::Catastrophic => 300,
        }
    }
}

/// One step of a history.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// Whatever is left to chance in it.
    pub seed: u64,
}

/// All that happens, from the first step to the last.
///
/// As text it is a line for the level, one for the world's seed, and one for each step; lines with `#` say something
/// to people.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How bad it gets.
    pub level: Level,
    /// What ids and tokens are drawn from.
    pub world: u64,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The history of this seed.
    #[must_use]
    pub fn draw(seed: u64, steps: usize, level: Level) -> Self {
        let mut dice = Dice::of(seed);
        let steps = (0..steps).map(|_| Step { action: dice.weighted(level.actions()), seed: dice.seed() }).collect();
        Self { level, world: seed, steps }
    }

    /// The same with fewer steps.
    #[must_use]
    pub fn with(&self, steps: Vec<Step>) -> Self {
        Self { steps, ..*self }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "level {}\nworld {}", self.level, self.world)?;
        self.steps.iter().try_for_each(|step| writeln!(formatter, "{:?} {}", step.action, step.seed))
    }
}

impl FromStr for Plan {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self { level: Level::Calm, world: 0, steps: Vec::new() };
        // What was printed before it is how it went.
        let lines = text.lines().skip_while(|line| !line.starts_with("level "));
        for line in lines.filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (word, value) = line.split_once(' ').with_context(|| format!("no value in {line:?}"))?;
            match word {
                "level" => plan.level = Level::from_str(value, true).map_err(anyhow::Error::msg)?,
                "world" => plan.world = value.parse()?,
                _ => match Action::parse(word) {
                    Some(action) => plan.steps.push(Step { action, seed: value.parse()? }),
                    None => bail!("there is no action {word}"),
                },
            }
        }
        Ok(plan)
    }
}
