package toolchain

import "github.com/mkmini/mkmini/core/artifact"

// Sound says whether all files of a compiler that is in the store are what
// they were when it was probed, also those that no probe looks at, such as
// headers. It reads no file: that takes some 10 microseconds for each. Others
// are what their record says.
//
// If it isn't, Obtain has the provider look at it, and bring it again.
func (m *Manager) Sound(p Probed) bool {
	return p.Stamp == "" || artifact.Stamp(m.result(p.Dir)) == p.Stamp
}

// result returns the result of the store that a folder is in, or "".
func (m *Manager) result(dir string) string {
	if m.Steps == "" {
		return ""
	}
	return resultOf(m.Steps, dir)
}

// stampTree returns the state of the result of the store that a folder is in,
// or "" if it is in none.
func (m *Manager) stampTree(dir string) string {
	if t := m.result(dir); t != "" {
		return artifact.Stamp(t)
	}
	return ""
}
