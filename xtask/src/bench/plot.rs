//! The results as one picture: a panel for each figure, a bar for each contestant.

use super::{
    results::{Figure, Results},
    tables::{LABELS, label, number},
};

/// The figures that are drawn: the part, the name, and the panel's title.
const PANELS: [(&str, &str, &str); 7] = [
    ("bytes", "total brotli", "Bytes of a first visit"),
    ("start", "first paint of the form", "First paint of the form, ms"),
    ("start", "first key kept", "First key kept, ms"),
    ("start", "login request sent", "Login request sent, ms"),
    ("start", "signed-in view, live session", "Signed-in view with a live session, ms"),
    ("get", "main thread", "Authenticated GET on the main thread, ms"),
    ("storm", "time with a dead token", "1,000 GETs on a dead token, ms"),
];

/// The picture of what was measured.
pub(super) fn draw(results: &Results) -> String {
    let mut body = String::new();
    let mut top = 0;
    for (part, name, title) in PANELS {
        let figures = results.part(part).and_then(|part| part.figures().ok()).unwrap_or_default();
        let of = |of: &str| figures.iter().find(|figure| figure.name == name && figure.of == of);
        let bars: Vec<&Figure> = LABELS.iter().filter_map(|(contestant, _)| of(contestant)).collect();
        if !bars.is_empty() {
            top = panel(&mut body, top, title, &bars);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" font-family=\"sans-serif\" font-size=\"13\">\n{STYLE}{body}</svg>\n"
    )
}

/// Adds a panel below `top`, and returns where the next one begins.
fn panel(body: &mut String, top: u32, title: &str, bars: &[&Figure]) -> u32 {
    let longest = bars.iter().map(|figure| figure.quartile(3)).fold(0.0, f64::max);
    let scale = if longest > 0.0 { f64::from(LONGEST) / longest } else { 0.0 };
    body.push_str(&format!("<text x=\"8\" y=\"{}\" font-weight=\"bold\">{title}</text>\n", top + 20));
    let mut y = top + 30;
    for figure in bars {
        let [low, median, high] = [1, 2, 3].map(|quarters| figure.quartile(quarters));
        let [from, width, to] = [low, median, high].map(|value| value * scale);
        let class = if figure.of == super::contestants::OURS { "ours" } else { "peer" };
        let (middle, end) = (y + BAR / 2, f64::from(LEFT) + width.max(to));
        body.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\"/>\n",
            LEFT - 8,
            middle + 5,
            label(&figure.of),
        ));
        if !figure.is_exact() {
            let [from, to] = [from, to].map(|it| f64::from(LEFT) + it);
            body.push_str(&format!("<path d=\"M{from:.1} {middle}H{to:.1}\"/>\n"));
        }
        body.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{}\">{}</text>\n",
            end + 6.0,
            middle + 5,
            number(median)
        ));
        y += BAR + 6;
    }
    y + 12
}

const WIDTH: u32 = 760;
const LEFT: u32 = 170;
const LONGEST: u32 = 500;
const BAR: u32 = 16;
/// Readable on a light and on a dark page.
const STYLE: &str = "<style>text{fill:#1f2328}.ours{fill:#2f56c4}.peer{fill:#9aa4b2}path{stroke:#1f2328;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#7d9cf5}.peer{fill:#6b7686}path{stroke:#e6edf3}}</style>\n";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::results::sample;

    #[test]
    fn the_longest_bar_fills_its_panel_and_the_others_have_their_share() {
        let figure =
            |of, values: &[f64]| json!({"name": "main thread", "unit": "ms", "of": of, "values": values});
        let svg = draw(&sample(json!({"get": [figure("react", &[10.0]), figure("fetch", &[2.5])]})));
        assert!(
            svg.contains("Authenticated GET on the main thread, ms") && !svg.contains("First paint"),
            "{svg}"
        );
        assert!(svg.contains("width=\"500.0\"") && svg.contains("width=\"125.0\""), "{svg}");
        // Equal values have no spread.
        assert!(!svg.contains("<path"), "{svg}");
    }
}
