package ui

import "strings"

// column is a column of a table.
type column struct {
	title string
	// right aligns numbers.
	right bool
}

// layout returns the lines of a table with a line of titles, columns two
// spaces apart, and no spaces at the ends of lines. Cells are measured as
// terminals show them.
func layout(columns []column, rows [][]string) []string {
	widths := make([]int, len(columns))
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	all := append([][]string{titles}, rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	lines := make([]string, len(all))
	for n, row := range all {
		cells := make([]string, len(row))
		for i, cell := range row {
			if columns[i].right {
				cells[i] = padLeft(cell, widths[i])
			} else {
				cells[i] = pad(cell, widths[i])
			}
		}
		lines[n] = strings.TrimRight(strings.Join(cells, "  "), " ")
	}
	return lines
}

// widest returns the width of the widest line.
func widest(lines []string) int {
	w := 0
	for _, line := range lines {
		w = max(w, width(line))
	}
	return w
}

// indent puts prefix in front of every line and ends each with a newline.
func indent(prefix string, lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(prefix + line + "\n")
	}
	return b.String()
}
