use auth::{EndReason, Error, FormFields, State};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::{Failure, WAIT_IS_OVER, primary, progress, words};
use crate::browser::early;
use crate::focus::{focus, focused};
use crate::hooks::{Calls, known, use_calls, use_client, use_provided};

/// Properties of [`LoginForm`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct LoginFormProps {
    /// The label and the placeholder of the first field.
    #[prop_or(AttrValue::Static("Username"))]
    pub username_label: AttrValue,
}

/// The login form, with the reason why the last session ended.
///
/// The password stays in its input element and is never component state. It is read when the form is
/// submitted, and cleared after a successful login.
#[component]
pub fn LoginForm(LoginFormProps { username_label }: &LoginFormProps) -> Html {
    let client = use_client();
    let session = use_provided();
    let reason = match session.state {
        State::SignedOut(reason) => reason,
        _ => None,
    };
    let (username, password, login) = (use_node_ref(), use_node_ref(), use_node_ref());
    let asked =
        use_memo((), |()| client.contract().asks.iter().map(|_| NodeRef::default()).collect::<Vec<_>>());
    let Calls { busy, error, failures, waited, ready_again, caller } = use_calls();

    // How many logins had failed when the reason came.
    let before = *use_memo(reason, |_| failures);

    let marked = match error {
        Some(Error::EmptyFields(fields) | Error::InvalidFields(fields)) => fields,
        // The server does not say which of the two is wrong. Nobody can see what is wrong in a password, so it is typed again.
        Some(Error::WrongCredentials) => FormFields { password: true, ..FormFields::default() },
        _ => FormFields::default(),
    };

    // Whether something was typed since the login was sent. Then its error leaves the focus where it is.
    let typed = use_mut_ref(|| false);
    let oninput = {
        let typed = typed.clone();
        move |_: InputEvent| {
            typed.replace(true);
        }
    };
    let is_typing = *typed.borrow();
    let submit = {
        let (client, asked) = (client.clone(), asked.clone());
        let (username, password) = (username.clone(), password.clone());
        Callback::from(move |event: Event| {
            event.prevent_default();
            let inputs = (username.cast::<HtmlInputElement>(), password.cast::<HtmlInputElement>());
            let (Some(username), Some(password)) = inputs else { return };
            let asked: Vec<_> = asked.iter().filter_map(NodeRef::cast::<HtmlInputElement>).collect();
            let (client, typed) = (client.clone(), typed.clone());
            caller.call(async move {
                typed.replace(false);
                let (name, secret) = (username.value(), password.value());
                let more: Vec<_> = asked.iter().map(HtmlInputElement::value).collect();
                known(&client).await;
                if matches!(client.state(), State::SignedIn { .. }) {
                    // The page has found a session, and shows that.
                    early::end();
                    return Ok(());
                }
                client.login_with(&name, &secret, &more).await?;
                password.set_value("");
                Ok(())
            });
        })
    };
    // A form in a sandbox without `allow-forms` is never submitted. The click comes there too, also from the Enter key.
    let onclick = submit.reform(|event: MouseEvent| event.into());
    let onsubmit = submit.reform(|event: SubmitEvent| event.into());
    // Depend on whether there is a reason, not on the reason: the reason changes when the server has been
    // told of the logout, or could not be told. The user may be typing a password then.
    use_effect_with(reason.is_some(), {
        let (username, password) = (username.clone(), password.clone());
        // After a session's end no element has the focus. The user's next step is this form.
        move |ended| {
            // Somebody may be typing already, because the form is shown while the page looks for a session.
            let is_free = *ended && focused().is_none();
            let input = username.cast::<HtmlInputElement>().filter(|_| is_free);
            let Some(input) = input else { return };
            match session.last_user.filter(|_| input.value().is_empty() && !reason.is_some_and(is_logout)) {
                Some(name) => {
                    input.set_value(&name);
                    focus(&password);
                }
                None => focus(&username),
            }
        }
    });
    // Depend on the number of failures too, so that the same refusal again moves the focus again.
    use_effect_with((marked, failures), {
        let (username, password, asked) = (username.clone(), password.clone(), asked.clone());
        move |(marked, _)| match marked {
            _ if is_typing => {}
            FormFields { username: true, .. } => focus(&username),
            FormFields { password: true, .. } => {
                focus(&password);
                // What is typed next replaces it.
                if let Some(input) = password.cast::<HtmlInputElement>() {
                    input.select();
                }
            }
            FormFields { other: true, .. } => {
                let is_missing = |input: HtmlInputElement| input.required() && input.value().is_empty();
                let missing = asked.iter().find(|node| node.cast().is_some_and(is_missing));
                missing.or(asked.first()).into_iter().for_each(focus);
            }
            FormFields { .. } => {}
        }
    });

    let described = |marked: bool| marked.then_some("login-error");
    html! {
        <section class="card" aria-labelledby="login-title">
            <h1 id="login-title">{ "Log in" }</h1>
            if let Some(reason) = reason {
                // It stays when a login fails, so that nothing moves. It is not announced again then.
                <p class="reason" role={(failures == before).then(|| role(reason))}>{ words(&reason.message().into()) }</p>
            }
            // `novalidate`: the page shows its own messages in the form instead of the browser's bubbles.
            // `dialog`: a script that submits the form without an event, as password managers do, sends nothing anywhere.
            <form method="dialog" novalidate=true {oninput} {onsubmit}>
                <label for="username">{ username_label }</label>
                <input id="username" name="username" type="text" placeholder={username_label} autocomplete="username"
                    autocapitalize="none" autocorrect="off" spellcheck="false" required=true ref={username}
                    aria-invalid={marked.username.then_some("true")} aria-describedby={described(marked.username)} />
                <label for="password">{ "Password" }</label>
                <input id="password" name="password" type="password" placeholder="Password"
                    autocomplete="current-password" required=true ref={password}
                    aria-invalid={marked.password.then_some("true")} aria-describedby={described(marked.password)} />
                { for client.contract().asks.iter().zip(&*asked).enumerate().map(|(at, (field, node))| {
                    let id = format!("asked-{at}");
                    html! {
                        <>
                            <label for={id.clone()}>{ field.label.clone() }{ if field.optional { " (optional)" } else { "" } }</label>
                            <input {id} name={field.name.clone()} type="text" placeholder={field.label.clone()} autocomplete={field.autocomplete.clone()}
                                autocapitalize="none" spellcheck="false" required={!field.optional} ref={node.clone()}
                                aria-invalid={marked.other.then_some("true")} aria-describedby={described(marked.other)} />
                        </>
                    }
                }) }
                <button type="submit" class={primary(busy)} ref={login.clone()} {onclick} aria-disabled={(busy || error.and_then(|error| error.wait()).is_some()).to_string()}>{ "Login" }</button>
                // Below the button, so that nothing moves that the user was about to press.
                if let Some(error) = error {
                    <Failure key={failures} id="login-error" {error} unfocused={is_typing || marked != FormFields::default()} onwaited={waited} next={login} />
                }
                { progress(busy.then(|| "Signing in…".into()), ready_again.then(|| WAIT_IS_OVER.into())) }
            </form>
        </section>
    }
}

/// A logout by the user is a `status`. Any other end, also a logout that the server could not be told of,
/// is an `alert`.
fn role(reason: EndReason) -> &'static str {
    match reason {
        EndReason::LoggedOut | EndReason::LoggedOutElsewhere => "status",
        _ => "alert",
    }
}

/// Whether the user ended the session. The form forgets the name then, because the next user may be another one.
fn is_logout(reason: EndReason) -> bool {
    matches!(reason, EndReason::LoggedOut | EndReason::LoggedOutElsewhere | EndReason::LoggedOutHereOnly)
}
