package ui

import "io"

// WriteTable writes a table with a line of titles; empty cells are a dash.
// Titles that begin with ">" are of columns of numbers.
func WriteTable(w io.Writer, screen Screen, titles []string, rows [][]string) error {
	columns := make([]column, len(titles))
	for i, title := range titles {
		columns[i] = column{title: title}
		if title[0] == '>' {
			columns[i] = column{title: title[1:], right: true}
		}
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			cells[i] = append(cells[i], orDash(cell))
		}
	}
	lines := layout(columns, cells)
	lines[0] = screen.paint(bold, lines[0])
	_, err := io.WriteString(w, indent("", lines))
	return err
}
