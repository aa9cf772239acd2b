//! Prints the views that a page shows before its code arrives: the HTML of the form, a null, and that of the signed-in view. Each
//! argument is one of the page's settings, `NAME=CONTENT`.

use std::process::ExitCode;

use yew_jwt_auth::Views;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let content = |name: &str| {
        let mut settings = given.iter().filter_map(|setting| setting.split_once('='));
        settings.find(|(known, _)| *known == name).map(|(_, content)| content.to_owned())
    };
    match futures_executor::block_on(Views::render(&content)) {
        Ok(views) => {
            print!("{}\0{}", views.form, views.home);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::FAILURE
        }
    }
}
