package sandbox

// FilterOnly returns what is left on a kernel without Landlock.
func FilterOnly() *Sandbox { return &Sandbox{filter: hasFilter()} }
