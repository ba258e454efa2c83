package ui

// Size writes a number of bytes for people: "1.96 MiB".
func Size(n int64) string { return size(n) }

// Count writes a number of things: "1 step", "3 steps".
func Count(n int, noun string) string { return count(n, noun) }
