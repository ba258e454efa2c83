package toolchain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Provider brings compilers onto the machine, for one kind of `from` block.
type Provider interface {
	// Provide returns the absolute path of a folder that holds a compiler:
	// in it, in its bin or in its usr/bin. The folder stays as it is. The
	// error says in one clause why there is none.
	Provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report Report) (dir string, err error)
	// Default returns the `from` block that stands for this kind when a
	// configuration has none, and false if it can't bring a compiler of that
	// architecture.
	Default(info sdk.ToolchainInfo) (config.From, bool)
}

// Pinner is a Provider that knows what exactly it brought.
type Pinner interface {
	// Pins describes a folder that Provide returned for the block, by names
	// of the provider's own: "gcc-12-aarch64-linux-gnu" is
	// "12.2.0-14cross1 sha256:…".
	Pins(from config.From, dir string) map[string]string
}

// Local is a Provider some of whose places are files on this machine, which
// may change while the configuration stays the same.
type Local interface {
	// Files returns the paths of the files that the block's compiler is made
	// from and that the block doesn't name by a hash.
	Files(from config.From) []string
}

// local returns the state of the files that a block's compiler is made from.
func (m *Manager) local(from config.From) map[string]string {
	if l, ok := m.Providers[from.Kind].(Local); ok {
		return stamps(l.Files(from))
	}
	return nil
}

// pins returns what is known of a compiler beside its fingerprint: what the
// provider says, or else what the block does.
func (m *Manager) pins(from config.From, dir string) map[string]string {
	if p, ok := m.Providers[from.Kind].(Pinner); ok {
		return p.Pins(from, dir)
	}
	switch {
	case from.Archive != nil:
		return map[string]string{"sha256": from.Archive.SHA256}
	case from.OCI != nil && !from.OCI.Path:
		return map[string]string{"image": from.OCI.Image}
	case from.Deb != nil && from.Deb.Suite != "":
		return map[string]string{"suite": from.Deb.Suite}
	}
	return nil
}

// Origin says for people where a block has a compiler from: its kind, and what
// it names.
func Origin(from config.From) string {
	what := from.Dir
	switch {
	case from.Archive != nil && from.Archive.File != "":
		what = from.Archive.File
	case from.Archive != nil && len(from.Archive.URLs) > 0:
		what = from.Archive.URLs[0]
	case from.OCI != nil:
		what = from.OCI.Image
	case from.Deb != nil:
		what = strings.Join(append(slices.Clone(from.Deb.Packages), from.Deb.Suite), " ")
	}
	if what = strings.TrimSpace(what); what == "" {
		return from.Kind
	}
	return fmt.Sprintf("%s %q", from.Kind, what)
}

// Report takes reports of a provider's work: done of total bytes, or pieces
// of work where what doesn't count bytes; total is 0 if it isn't known.
type Report func(phase string, done, total int, what string)

// OrNone returns a report that can be called: that of nobody for nil.
func (r Report) OrNone() Report {
	if r == nil {
		return func(string, int, int, string) {}
	}
	return r
}

// Provided returns what a [Provider] does of its work's outcome: why it was
// stopped, or one clause of why there is no compiler.
func Provided(ctx context.Context, dir string, err error) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", Clause(err)
	}
	return dir, nil
}

// from returns the `from` blocks of a request; without any those that the user
// chose, or else the host, and then whatever a provider can bring.
func (m *Manager) from(req Request) []config.From {
	if len(req.Toolchain.From) > 0 {
		return req.Toolchain.From
	}
	if chosen := m.Chosen[req.Toolchain.Plugin]; len(chosen) > 0 {
		return chosen
	}
	from := []config.From{{Kind: "host"}}
	for _, kind := range m.Order {
		f, ok := m.Providers[kind].Default(req.Info)
		if !ok {
			f, ok = m.keptDefault(req.Info.Arch, kind)
		}
		if ok {
			from = append(from, f)
		}
	}
	return from
}
