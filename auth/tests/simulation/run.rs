//! One seed: its world, its steps, the healing at the end, the verdict; and shrinking.

use std::collections::BTreeMap;

use auth::State;

use crate::acts::{self, Step};
use crate::apps::App;
use crate::check::person::person;
use crate::check::{Invariant, Outcome};
use crate::options::{Class, Options, Rotation};
use crate::tasks::Owner;
use crate::world::{Violation, World};

/// Longer than any backoff and `Retry-After` that a client may be in.
const HEALING: u64 = 400_000;
const LAST_CALLS: u64 = 100_000;
/// Longer than any deadline of a page that came back. The longest is that of a login's late answer, 5 minutes.
const LOOKING: u64 = 310_000;
/// How often the last call is made: once more if the same user has logged in anew meanwhile.
const LAST_TRIES: usize = 2;

pub(crate) struct Run {
    pub(crate) violation: Option<Violation>,
    pub(crate) covered: BTreeMap<&'static str, u64>,
    pub(crate) timeline: Vec<String>,
}

pub(crate) fn run(seed: u64, options: Options, steps: &[Step], traced: bool) -> Run {
    let world = World::new(seed, options, traced);
    world.note(None, || format!("seed {seed}: {}", world.options.told()));
    world.plant();
    for step in steps {
        world.run_until(world.time() + step.gap);
        if world.is_over() {
            break;
        }
        world.perform(step);
    }
    if !world.is_over() {
        world.run_until(world.time() + 5_000);
    }
    if !world.is_over() {
        heal(&world, seed);
        check_idle(&world);
        world.check_told();
        world.check_found();
        world.check_moved();
        world.check_orphans();
        world.check_ends_told();
        judge(&world);
    }
    let covered = world.covered.take();
    let run = Run { violation: world.violation(), covered, timeline: world.timeline() };
    world.shut_down();
    run
}

pub(crate) fn run_seed(seed: u64, traced: bool) -> Run {
    let options = Options::draw(seed);
    let steps = acts::draw(seed, &options);
    run(seed, options, &steps, traced)
}

/// All faults are over, and everything that waited goes on. In half of the worlds a page that is frozen stays so,
/// with whatever it holds, unless the server leaves the others no safe way on.
fn heal(world: &World, seed: u64) {
    world.note(None, || "all faults are over".to_owned());
    world.healed.set(true);
    {
        let mut network = world.network.borrow_mut();
        (network.down_until, network.proxy_until, network.slow_until) = (0, 0, 0);
    }
    world.ledger.borrow_mut().blocked_until = 0;
    world.after(0, Owner::Device, World::next_transaction);
    let harmless = matches!(world.rotation(), Rotation::Idempotent | Rotation::None { .. });
    if !(harmless && seed.is_multiple_of(2)) {
        let frozen: Vec<usize> =
            world.open_tabs().into_iter().filter(|tab| world.tabs.borrow()[*tab].is_frozen()).collect();
        for tab in frozen {
            world.resume(tab);
            world.look_again(world.life(tab));
        }
    }
    world.run_until(world.time() + HEALING);
}

/// "An idle page causes no traffic and has no timer running."
fn check_idle(world: &World) {
    // A page that has just come back looked for a while, and its deadlines are not over.
    let back = world.check.borrow().tabs.values().map(|seen| seen.came_back).max();
    if back.is_some_and(|at| at + LOOKING > world.time()) {
        return;
    }
    if !world.is_over() && world.tasks.borrow().any_event(|owner| matches!(owner, Owner::Tab(_))) {
        world.violate(Invariant::Using, || "an idle page has a timer running".to_owned());
    }
}

fn judge(world: &World) {
    for app in App::ALL {
        if !world.is_over() {
            judge_app(world, app);
        }
    }
}

/// No spurious logout once more, from the other end: a session that nothing ended still works, in the tabs that
/// show it and in a new one.
fn judge_app(world: &World, app: App) {
    let alive = {
        let check = world.check.borrow();
        let last =
            check.last_login.get(&app).and_then(|family| Some((*family, check.families.get(*family)?)));
        last.filter(|(_, family)| family.ends.is_empty()).map(|(at, family)| (at, family.user.clone()))
    };
    let Some((family, user)) = alive.filter(|(family, _)| !world.is_given_up(*family)) else {
        return check_calls_end(world, app);
    };
    let (in_memory, home) = {
        let check = world.check.borrow();
        (check.families[family].in_memory, check.families[family].home)
    };
    world.cover("judged at the end");
    // Without a refresh token a new tab depends on its siblings.
    let can_show = !world.is_token_only() || world.can_be_handed_over(app, family);
    let fresh = world.open(Default::default(), app);
    world.run_until(world.time() + LAST_CALLS);
    for tab in world.tabs_of(app) {
        let shown = world.client(tab).map(|client| client.state());
        let shows_it = match &shown {
            Some(State::SignedIn { user: Some(shown), .. }) => person(shown) == user,
            Some(State::SignedIn { user: None, .. }) => true,
            _ => false,
        };
        if in_memory && home != Some(world.life(tab)) {
            continue;
        }
        if tab == fresh && can_show && !shows_it && still_has_no_end(world, family) {
            world.violate(Invariant::NoSpuriousLogout, || {
                format!("a new tab shows {shown:?} although nothing ended family {family}")
            });
        }
        if tab == fresh && shows_it && world.is_token_only() {
            world.cover("new tab signed in by a sibling alone");
        }
        if shows_it {
            expect_answer(world, tab, family);
        }
    }
}

/// The last calls themselves may lose a gamble that began before.
fn still_has_no_end(world: &World, family: usize) -> bool {
    !world.is_over() && world.check.borrow().families[family].ends.is_empty()
}

/// The last call is answered at once. Its token may be refused, but the rule for a 401 brings a better one.
fn expect_answer(world: &World, tab: usize, family: usize) {
    let mut outcome = None;
    // A tab that heard of nothing may still be in an older session, which is over.
    let life = world.life(tab);
    let newest = world.check.borrow_mut().tab(life).family == Some(family);
    for _ in 0..LAST_TRIES {
        let Some((id, _)) = world.send(tab, false) else { return };
        world.run_until(world.time() + LAST_CALLS);
        outcome = world.check.borrow().operations[id].outcome.clone();
        if outcome == Some(Outcome::Answer(200)) || !still_has_no_end(world, family) {
            return;
        }
        match outcome {
            // "If the session changed meanwhile, the answer is dropped": the same user had logged in anew.
            Some(Outcome::Error(auth::Error::SessionChanged)) => world.cover("adopted by the last call"),
            Some(Outcome::Error(auth::Error::SessionEnded(_))) if !newest => return,
            _ => break,
        }
    }
    world.violate(Invariant::NoSpuriousLogout, || {
        format!("tab {tab} gets {outcome:?} at the end, although nothing ended family {family}")
    });
}

/// Where no session has to be alive, calls have to end all the same.
fn check_calls_end(world: &World, app: App) {
    let sent: Vec<_> = world.tabs_of(app).into_iter().filter_map(|tab| world.send(tab, false)).collect();
    world.run_until(world.time() + LAST_CALLS);
    for (id, _) in sent {
        if !world.is_over() && world.check.borrow().operations[id].outcome.is_none() {
            world.violate(Invariant::Liveness, || format!("call {id} does not end in a healed world"));
        }
    }
}

/// Takes away fault classes and acts as long as the same invariant still breaks; the timeline of what is left.
pub(crate) fn shrink(seed: u64) -> Option<(Vec<Step>, Run)> {
    let mut options = Options::draw(seed);
    let mut steps = acts::draw(seed, &options);
    let broken = run(seed, options.clone(), &steps, false).violation?;
    let same = |options: &Options, steps: &[Step]| {
        let found = run(seed, options.clone(), steps, false).violation;
        found.is_some_and(|found| found.invariant == broken.invariant)
    };
    loop {
        let before = (options.classes, steps.len());
        let mut at = steps.len();
        while at > 0 {
            at -= 1;
            let mut fewer = steps.clone();
            let removed = fewer.remove(at);
            // Its pause stays: time is part of what breaks.
            if let Some(next) = fewer.get_mut(at) {
                next.gap += removed.gap;
            }
            if same(&options, &fewer) {
                steps = fewer;
            }
        }
        for class in Class::all().filter(|class| options.has(*class)).collect::<Vec<_>>() {
            let fewer = options.without(class);
            if same(&fewer, &steps) {
                options = fewer;
            }
        }
        if before == (options.classes, steps.len()) {
            break;
        }
    }
    let traced = run(seed, options, &steps, true);
    Some((steps, traced))
}
