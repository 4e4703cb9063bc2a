//! A table for people: a head, and columns as wide as they have to be.

use crate::terminal::{Output, Unwritten, styled};

/// A column: its title, and whether it holds numbers, which stand to the right.
pub(super) type Column = (&'static str, bool);

/// Prints a head and the rows, whose cells must be safe for a terminal; nothing where there are none.
pub(super) fn print<const N: usize>(
    columns: [Column; N],
    rows: &[[String; N]],
    out: &mut Output,
) -> Result<(), Unwritten> {
    let lines = lines(columns, rows);
    let strong = out.palette.strong;
    for (index, line) in lines.into_iter().enumerate() {
        match index {
            0 => out.line(styled(strong, line))?,
            _ => out.line(line)?,
        }
    }
    Ok(())
}

fn lines<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut widths = columns.map(|(title, _)| title.len());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for ((cell, width), (_, is_number)) in cells.iter().zip(widths).zip(columns) {
            line.push_str(&match is_number {
                true => format!("{cell:>width$}  "),
                false => format!("{cell:<width$}  "),
            });
        }
        line.trim_end().to_owned()
    };
    let head = columns.map(|(title, _)| title.to_owned());
    std::iter::once(line(&head))
        .chain(rows.iter().map(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let row = |name: &str, count: &str| [name.to_owned(), count.to_owned(), "x".to_owned()];
        let rows = [row("grüße an", "7"), row("a", "12345678")];
        let columns = [("NAME", false), ("COUNT", true), ("WHAT", false)];
        let expect = [
            "NAME         COUNT  WHAT",
            "grüße an         7  x",
            "a         12345678  x",
        ];
        assert_eq!(lines(columns, &rows), expect);
        assert!(lines(columns, &[]).is_empty());
    }
}
