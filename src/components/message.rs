use yew::prelude::*;

use super::focus;

/// Properties of [`Message`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct MessageProps {
    /// The sentence to read.
    pub text: AttrValue,
    /// An id for `aria-describedby`.
    #[prop_or_default]
    pub id: Option<AttrValue>,
    /// Whether the focus stays where it is, because it goes to the field that is meant.
    #[prop_or_default]
    pub unfocused: bool,
    /// Its element, for who asks later where the focus is.
    #[prop_or_default]
    pub node: NodeRef,
}

/// An error, announced and focused.
#[component]
pub fn Message(MessageProps { text, id, unfocused, node }: &MessageProps) -> Html {
    use_effect_with((text.clone(), *unfocused), {
        let node = node.clone();
        move |(_, unfocused)| {
            if !unfocused {
                focus(&node);
            }
        }
    });
    html! { <p class="message" role="alert" tabindex="-1" id={id.clone()} ref={node.clone()}>{ text.clone() }</p> }
}
