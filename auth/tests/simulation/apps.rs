//! The apps of the one origin. They share its storage, ledger, locks and channels. Each has a server of its own.

use crate::tasks::Life;
use crate::world::World;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum App {
    #[default]
    First,
    Second,
}

impl App {
    pub(crate) const ALL: [Self; 2] = [Self::First, Self::Second];

    pub(crate) fn base(self) -> &'static str {
        match self {
            Self::First => "http://localhost:8000",
            Self::Second => "http://localhost:8000/b",
        }
    }

    /// The app whose server `url` is at, and the path below its base.
    pub(crate) fn at(url: &str) -> Option<(Self, &str)> {
        // The longer base comes first, because it begins with the other.
        [Self::Second, Self::First].into_iter().find_map(|app| {
            url.strip_prefix(app.base()).filter(|path| path.starts_with('/')).map(|path| (app, path))
        })
    }

    pub(crate) fn other(self) -> Self {
        if self == Self::First { Self::Second } else { Self::First }
    }
}

impl World {
    /// The app whose page the tab shows.
    pub(crate) fn app(&self, life: Life) -> App {
        self.tabs.borrow()[life.tab].app
    }

    /// The open tabs that show a page of `app`.
    pub(crate) fn tabs_of(&self, app: App) -> Vec<usize> {
        self.open_tabs().into_iter().filter(|tab| self.app(self.life(*tab)) == app).collect()
    }

    /// The app whose server made the family.
    pub(crate) fn app_of(&self, family: usize) -> Option<App> {
        Some(self.server.borrow().families.get(family)?.app)
    }

    /// Whether the family is one of the tab's app.
    pub(crate) fn is_of_app(&self, life: Life, family: usize) -> bool {
        self.app_of(family) == Some(self.app(life))
    }
}
