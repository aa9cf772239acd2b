use yew::prelude::*;

use super::words;
use crate::focus::focus;

/// Properties of [`Message`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct MessageProps {
    /// The sentence to read.
    pub text: AttrValue,
    /// An id for `aria-describedby`.
    #[prop_or_default]
    pub id: Option<AttrValue>,
    /// Whether to leave the focus alone, because the caller focuses the field that the error is about.
    #[prop_or_default]
    pub unfocused: bool,
    /// The message's element, for a caller that asks later whether it has the focus.
    #[prop_or_default]
    pub node: NodeRef,
    /// What follows the text.
    #[prop_or_default]
    pub children: Html,
}

/// An error message. A screen reader announces it, and it gets the focus.
#[component]
pub fn Message(MessageProps { text, id, unfocused, node, children }: &MessageProps) -> Html {
    use_effect_with((text.clone(), *unfocused), {
        let node = node.clone();
        move |(_, unfocused)| {
            if !unfocused {
                focus(&node);
            }
        }
    });
    html! {
        <p class="message" role="alert" tabindex="-1" id={id.clone()} ref={node.clone()}>{ words(text) }{ children.clone() }</p>
    }
}
