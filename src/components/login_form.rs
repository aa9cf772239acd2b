use auth::{EndReason, Error, FormFields, State};
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::{Failure, Progress, WAIT_IS_OVER, focus};
use crate::hooks::{use_client, use_session};

/// The login form, with the reason why the last session ended.
///
/// The password stays in its input: it is read when the form is submitted, enters no component's
/// state, and is cleared after a success.
#[component]
pub fn LoginForm() -> Html {
    let client = use_client();
    let reason = match use_session() {
        State::SignedOut(reason) => reason,
        _ => None,
    };
    let (username, password, login) = (use_node_ref(), use_node_ref(), use_node_ref());
    // With its number: the same refusal again is news, to be announced and focused again.
    let failure = use_state(|| None::<(u32, Error)>);
    let failures = use_mut_ref(|| 0_u32);
    let busy = use_state_eq(|| false);
    let ready_again = use_state_eq(|| false);
    // Set in the same task as the submission: a second one finds it before anything is rendered.
    let under_way = use_mut_ref(|| false);

    let wait = failure.and_then(|(_, error)| error.wait());
    let marked = match *failure {
        Some((_, Error::EmptyFields(fields) | Error::InvalidFields(fields))) => fields,
        _ => FormFields::default(),
    };

    let onsubmit = {
        let (failure, busy, ready_again) = (failure.setter(), busy.setter(), ready_again.setter());
        use_callback((client, wait, username.clone(), password.clone()), move |event: SubmitEvent, deps| {
            event.prevent_default();
            let (client, wait, username, password) = deps;
            let inputs = (username.cast::<HtmlInputElement>(), password.cast::<HtmlInputElement>());
            let ((Some(username), Some(password)), None) = (inputs, wait) else { return };
            if under_way.replace(true) {
                // A double click: the first one is on its way.
                return;
            }
            let (client, failure, busy) = (client.clone(), failure.clone(), busy.clone());
            let (failures, under_way, ready_again) =
                (failures.clone(), under_way.clone(), ready_again.clone());
            spawn_local(async move {
                let (name, secret) = (username.value(), password.value());
                busy.set(true);
                // What went wrong before is no longer true of this attempt.
                failure.set(None);
                ready_again.set(false);
                match client.login(&name, &secret).await {
                    Ok(()) => password.set_value(""),
                    Err(error) => {
                        let number = failures.replace_with(|number| number.wrapping_add(1));
                        failure.set(Some((number, error)));
                    }
                }
                *under_way.borrow_mut() = false;
                busy.set(false);
            });
        })
    };
    let onwaited = {
        let (failure, ready_again) = (failure.setter(), ready_again.setter());
        use_callback((), move |(), ()| {
            failure.set(None);
            ready_again.set(true);
        })
    };
    // Not the reason itself: it changes when the server has been told, or could not be, and by then
    // somebody may be typing a password.
    use_effect_with(reason.is_some(), {
        let username = username.clone();
        // After a session's end the focus is nowhere; the next thing to do is here.
        move |ended| {
            if *ended {
                focus(&username)
            }
        }
    });
    use_effect_with((marked, failure.map(|(number, _)| number)), {
        let (username, password) = (username.clone(), password.clone());
        move |(marked, _)| match marked {
            FormFields { username: true, .. } => focus(&username),
            FormFields { password: true, .. } => focus(&password),
            FormFields { .. } => {}
        }
    });

    let described = |marked: bool| marked.then_some("login-error");
    html! {
        <section class="card" aria-labelledby="login-title">
            <h1 id="login-title">{ "Log in" }</h1>
            if let Some(reason) = reason.filter(|_| failure.is_none()) {
                <p class="reason" role={role(reason)}>{ reason.message() }</p>
            }
            // Our own sentences, in the page's own place, instead of the browser's bubbles.
            <form method="post" novalidate=true {onsubmit}>
                <label for="username">{ "Username" }</label>
                <input id="username" name="username" type="text" placeholder="Username" autocomplete="username"
                    autocapitalize="none" autocorrect="off" spellcheck="false" required=true ref={username}
                    aria-invalid={marked.username.then_some("true")} aria-describedby={described(marked.username)} />
                <label for="password">{ "Password" }</label>
                <input id="password" name="password" type="password" placeholder="Password"
                    autocomplete="current-password" required=true ref={password}
                    aria-invalid={marked.password.then_some("true")} aria-describedby={described(marked.password)} />
                if let Some((number, error)) = *failure {
                    <Failure key={number} id="login-error" {error} unfocused={marked != FormFields::default()} {onwaited} next={login.clone()} />
                }
                <button type="submit" class="primary" ref={login} aria-disabled={(*busy || wait.is_some()).to_string()}>{ "Login" }</button>
                <Progress text={busy.then_some("Signing in…")} note={ready_again.then_some(WAIT_IS_OVER)} />
            </form>
        </section>
    }
}

/// What the user did is a status; what happened to the user is an alert.
fn role(reason: EndReason) -> &'static str {
    match reason {
        EndReason::LoggedOut | EndReason::LoggedOutElsewhere => "status",
        _ => "alert",
    }
}
