use auth::OwnSession;
use js_sys::{Date, Object, Reflect};
use yew::prelude::*;

use super::{Failure, WAIT_IS_OVER, is_of_outage, progress, use_outage};
use crate::device::device_name;
use crate::focus::focus;
use crate::hooks::use_own_sessions;
use crate::times::with_offset;

/// The list of the user's sessions (ASVS 7.5.2), fetched when the user opens it. Each entry shows the
/// device, the login time and the last use, and marks this session. A button ends each other session,
/// one more button logs out everywhere.
///
/// Shows nothing if the [`Contract`](auth::Contract) names no path for the list.
#[component]
pub fn OwnSessions() -> Html {
    let sessions = use_own_sessions();
    let outage = use_outage().is_some();
    let open = use_state_eq(|| false);
    let opener = use_node_ref();
    let toggle = {
        let (open, fetch) = (open.clone(), sessions.fetch.clone());
        move |_: MouseEvent| {
            if !*open {
                fetch.emit(());
            }
            open.set(!*open);
        }
    };
    use_effect_with(sessions.ended, {
        let opener = opener.clone();
        move |ended| {
            // The pressed button was removed with its session, so no element has the focus.
            if *ended {
                focus(&opener);
            }
        }
    });
    if !sessions.offered {
        return Html::default();
    }
    let off = sessions.busy || sessions.error.and_then(|error| error.wait()).is_some();
    let everywhere = sessions.logout_everywhere.reform(|_: MouseEvent| ());
    let note = match (sessions.ready_again, sessions.ended, sessions.error, &sessions.list) {
        (true, ..) => Some(WAIT_IS_OVER),
        (_, true, ..) => Some("The session was ended."),
        (_, _, None, Some(_)) if *open => Some("The list has arrived."),
        _ => None,
    };
    // The style hides the status line of the view above while this error is shown, so that an outage is not said twice.
    let class = if outage && sessions.error.is_some_and(is_of_outage) {
        "card sessions outage"
    } else {
        "card sessions"
    };
    html! {
        <section {class} aria-labelledby="sessions-title">
            <h2>
                <button type="button" id="sessions-title" ref={opener.clone()} onclick={toggle}
                    aria-expanded={open.to_string()} aria-controls="sessions">{ "Your sessions" }</button>
            </h2>
            { progress(sessions.busy.then(|| "Asking the server about your sessions…".into()), note.map(AttrValue::from)) }
            <div id="sessions" hidden={!*open}>
                if let Some(error) = sessions.error {
                    <Failure {error} {outage} onwaited={sessions.waited.clone()} next={opener} />
                }
                if let Some(list) = &sessions.list {
                    // WebKit does not report a list without bullets as a list, unless it has this role.
                    <ul role="list">{ for list.iter().map(|session| item(session, off, &sessions.end)) }</ul>
                    <div class="actions">
                        <button type="button" aria-disabled={off.to_string()} onclick={everywhere}>{ "Log out everywhere" }</button>
                    </div>
                    <p class="hint">{ "Ends all of them, this one too." }</p>
                }
            </div>
        </section>
    }
}

fn item(session: &OwnSession, off: bool, end: &Callback<String>) -> Html {
    let device = session.device.as_deref().map_or("An unknown device".into(), device_name);
    let (used, since) = (session.last_used_at.as_deref(), session.created_at.as_deref());
    let label = match used.and_then(with_offset).and_then(|used| local(&used)) {
        Some(used) => format!("End session of {device}, last used {used}"),
        None => format!("End session of {device}"),
    };
    let (end, sid) = (end.clone(), session.sid.clone());
    let onclick = move |event: MouseEvent| {
        // Ignore the second click of a double click: the next session may have moved under the pointer.
        if event.detail() < 2 {
            end.emit(sid.clone());
        }
    };
    html! {
        // Keyed by all that is shown, because translators replace text nodes.
        <li key={[&session.sid, &*device, used.unwrap_or_default(), since.unwrap_or_default()].join(" ")}>
            <div>
                <p>
                    <strong><bdi>{ device.into_owned() }</bdi></strong>
                    if session.current {
                        <span class="mark">{ "This session" }</span>
                    }
                </p>
                <p class="hint">{ time("Last used ", used) }{ time("Logged in ", since) }</p>
            </div>
            if !session.current {
                <button type="button" aria-label={label} aria-disabled={off.to_string()} {onclick}>{ "End session" }</button>
            }
        </li>
    }
}

/// The time `at` after its label `what`. Empty if the server did not send the time.
fn time(what: &str, at: Option<&str>) -> Html {
    let at = at.and_then(with_offset);
    let Some((at, shown)) = at.and_then(|at| local(&at).map(|shown| (at, shown))) else {
        return Html::default();
    };
    html! { <span>{ what }<time datetime={at}>{ shown }</time></span> }
}

/// An RFC 3339 time in this device's time zone and the page's language. `None` if `at` is not a time.
///
/// An absolute time, because "two minutes ago" would depend on this device's clock.
fn local(at: &str) -> Option<String> {
    let date = Date::new(&at.into());
    if date.get_time().is_nan() {
        return None;
    }
    let options = Object::new();
    for (name, value) in [("dateStyle", "medium"), ("timeStyle", "short")] {
        Reflect::set(&options, &name.into(), &value.into()).ok()?;
    }
    Some(date.to_locale_string("en-GB", &options).into())
}
