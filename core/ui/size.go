package ui

// Size writes a number of bytes for people: "1.96 MiB".
func Size(n int64) string { return size(n) }
