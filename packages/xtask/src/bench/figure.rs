use std::fmt;

use serde_json::{Value, json};

/// Something measured, and what it should be.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    pub(crate) goal: Option<Goal>,
}

/// On which side of the bound a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    /// Whether it is on the wrong side of its goal.
    pub(crate) fn is_missed(&self) -> bool {
        self.goal.is_some_and(|goal| !goal.holds(self.value))
    }

    /// One object: `name`, `unit`, `value`, `goal`, `holds`.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "value": (self.value * 100.0).round() / 100.0,
            "goal": self.goal.map(|goal| goal.to_string()),
            "holds": self.goal.map(|goal| goal.holds(self.value)),
        })
    }
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "<= {bound}"),
            Self::AtLeast(bound) => write!(f, ">= {bound}"),
        }
    }
}

impl fmt::Display for Figure {
    /// A row of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.unit == "x" { 2 } else { 1 };
        write!(f, "{:<44}{:>10.digits$} {:<5}", self.name, self.value, self.unit)?;
        match self.goal {
            Some(goal) if goal.holds(self.value) => write!(f, "{:>8}  holds", goal.to_string()),
            Some(goal) => write!(f, "{:>8}  MISSED", goal.to_string()),
            None => Ok(()),
        }
    }
}

/// The value in the middle. None of no values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_no_mean() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![900.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn a_figure_says_whether_its_goal_holds() {
        let figure = |value, goal| Figure { name: "start to ready", unit: "ms", value, goal };
        let row = |value, goal| figure(value, goal).to_string();
        assert!(row(60.0, Some(Goal::AtMost(60.0))).ends_with("60.0 ms      <= 60  holds"));
        assert!(row(60.1, Some(Goal::AtMost(60.0))).ends_with("MISSED"));
        assert!(row(3.9, Some(Goal::AtLeast(4.0))).ends_with("MISSED"));
        assert_eq!(
            figure(61.234, Some(Goal::AtMost(60.0))).json().to_string(),
            r#"{"name":"start to ready","unit":"ms","value":61.23,"goal":"<= 60","holds":false}"#
        );
        assert_eq!(
            figure(1.0, None).json().to_string(),
            r#"{"name":"start to ready","unit":"ms","value":1.0,"goal":null,"holds":null}"#
        );
    }
}
