package apt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// private is a configuration of apt in a folder of its own.
type private struct {
	dir     string
	machine machine
	// env is the environment of apt; nil for the process's own.
	env []string
	// more are settings beside those that hold for every private apt.
	more [][2]string
}

// conf returns the private configuration. The machine's own parts are not
// read at all: their hooks would clean the machine's caches.
func (p *private) conf() (string, error) {
	if strings.ContainsAny(p.dir, "\"\n") {
		return "", fmt.Errorf("apt cannot use the folder %q: its name has a quote or a line break", p.dir)
	}
	var b strings.Builder
	b.WriteString(quote("Dir::Etc::main", "/dev/null"))
	b.WriteString(quote("Dir::Etc::parts", p.path("empty")))
	for _, name := range []string{"Acquire::http::Timeout", "Acquire::https::Timeout"} {
		b.WriteString(quote(name, "20"))
	}
	b.WriteString(quote("Acquire::Retries", "2"))
	for _, line := range p.machine.acquire {
		b.WriteString(line + "\n")
	}
	for _, d := range machineDirs {
		name := d[:strings.LastIndexByte(d, '/')]
		if dir := p.machine.dirs[name]; dir != "" {
			b.WriteString(quote(name, dir))
		}
	}
	for _, kv := range slices.Concat([][2]string{
		{"Dir::State", p.path("state")},
		{"Dir::State::status", p.path("status")},
		{"Dir::Cache", p.path("cache")},
		{"Dir::Log", p.path("state")},
		{"Dir::Etc::sourcelist", "/dev/null"},
		{"Dir::Etc::sourceparts", p.path("sources")},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", p.path("empty")},
		{"Acquire::Languages", "none"},
		{"Acquire::GzipIndexes", "true"},
		// Index files are used for a day and files are checked by their
		// hashes, so an old Release file does no harm.
		{"Acquire::Check-Valid-Until", "false"},
	}, p.more) {
		b.WriteString(quote(kv[0], kv[1]))
	}
	if os.Geteuid() == 0 {
		// The user _apt cannot enter a folder in somebody's home.
		b.WriteString(quote("APT::Sandbox::User", "root"))
	}
	return b.String(), nil
}

func (p *private) path(name string) string { return filepath.Join(p.dir, name) }

// prepare writes the private configuration and the source list, which is in
// deb822 format.
func (p *private) prepare(sources string) error {
	conf, err := p.conf()
	if err != nil {
		return err
	}
	for _, d := range []string{"empty", "sources", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(p.path(d), 0o700); err != nil {
			return fmt.Errorf("prepare apt: %w", err)
		}
	}
	for name, text := range map[string]string{
		// Proxies may have passwords in them.
		"apt.conf": conf, "status": "", "sources/mirror.sources": sources,
	} {
		if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("prepare apt: %w", err)
		}
	}
	return nil
}

func (p *private) environment() []string {
	env := p.env
	if env == nil {
		env = os.Environ()
	}
	return append(slices.Clone(env), "APT_CONFIG="+p.path("apt.conf"))
}
