//! The views that a page shows before its code arrives, rendered outside of a browser.

use auth::{BaseUrl, Client, State};
use yew::LocalServerRenderer;
use yew::prelude::*;

use crate::app::screen;
use crate::browser::Browser;
use crate::provider::Session;
use crate::settings::{InvalidSettings, Settings};

/// The page's two views as HTML, from the components that take over when the code runs.
#[derive(Debug)]
pub struct Views {
    /// The form, for a visitor without a session.
    pub form: String,
    /// The signed-in view, for a visitor whose session is being restored. The element for the user's name (`bdi`) is empty.
    pub home: String,
}

impl Views {
    /// Renders the views of a page with these settings: the `content` of the `<meta>` tag of each name.
    ///
    /// # Errors
    /// A setting is wrong.
    pub async fn render(content: &dyn Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        // The build does not know the page's origin. Custody `cookie` needs the API's, so that is taken where it is named.
        let base = content("api-base-url").and_then(|address| address.trim().parse::<BaseUrl>().ok());
        let origin = base.as_ref().map_or("https://localhost", BaseUrl::origin);
        let settings = Settings::read(content, Some(origin))?;
        Ok(Self {
            form: view(&settings, None).await,
            home: view(&settings, Some(AttrValue::default())).await,
        })
    }
}

#[derive(PartialEq, Properties)]
struct ViewProps {
    session: Session,
    children: Html,
}

#[component]
fn View(ViewProps { session, children }: &ViewProps) -> Html {
    html! { <ContextProvider<Session> context={session.clone()}>{ children.clone() }</ContextProvider<Session>> }
}

async fn view(settings: &Settings, remembered: Option<AttrValue>) -> String {
    let Settings { base, contract, custody, .. } = settings.clone();
    let client = Client::new(Browser, base, contract, custody);
    let session = Session { client, state: State::Restoring, remembered, last_user: None, concealed: false };
    // Whether the API's address is exposed may change after the build.
    let children = screen(settings, false);
    LocalServerRenderer::<View>::with_props(ViewProps { session, children }).hydratable(false).render().await
}
