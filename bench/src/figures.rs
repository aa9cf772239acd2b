//! What was measured, as it is printed.

use serde::Serialize;

/// All values of one figure of one contestant, in the order of the runs.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    of: String,
    values: Vec<f64>,
}

/// The figures of one part.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds the value of one run.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, of: &str, value: f64) {
        match self.0.iter_mut().find(|figure| figure.name == name && figure.of == of) {
            Some(figure) => figure.values.push(value),
            None => {
                self.0.push(Figure { name: name.to_owned(), unit, of: of.to_owned(), values: vec![value] })
            }
        }
    }

    /// Adds a count of one run.
    pub(crate) fn count(&mut self, name: &str, of: &str, count: usize) {
        self.add(name, "", of, count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_one_figure_of_one_contestant_stay_together() {
        let mut figures = Figures::default();
        figures.add("paint", "ms", "a", 1.5);
        figures.count("paint", "b", 2);
        figures.add("paint", "ms", "a", 3.0);
        let printed = serde_json::to_value(&figures).unwrap();
        let expected = serde_json::json!([
            {"name": "paint", "unit": "ms", "of": "a", "values": [1.5, 3.0]},
            {"name": "paint", "unit": "", "of": "b", "values": [2.0]},
        ]);
        assert_eq!(printed, expected);
    }
}
