package toolchain

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Examined is a compiler with all that its probe found out.
type Examined struct {
	Candidate
	// Compiler has the facts, also of one that is refused.
	Compiler sdk.Compiler
	// Problems are why it is refused; none if it is good.
	Problems sdk.Diagnostics
}

// Examine probes the compilers of a request in order, up to the first good
// one, and remembers nothing. If no place has any compiler, the error is a
// [*fault.Error] that lists all that was tried.
func (m *Manager) Examine(ctx context.Context, req Request, plugin sdk.Toolchain, workDir string, report Report) (examined []Examined, err error) {
	o := &obtaining{Manager: m, req: req, plugin: plugin, workDir: workDir, report: report}
	for _, f := range m.from(req) {
		s, err := o.look(ctx, f)
		if err != nil {
			return nil, err
		}
		o.tried = append(o.tried, s.tried...)
		for _, c := range s.found {
			o.probes++
			compiler, _, err := probe(ctx, plugin, c, req, filepath.Join(workDir, strconv.Itoa(o.probes)))
			var problems sdk.Diagnostics
			if err != nil && !errors.As(err, &problems) {
				return nil, err
			}
			if err != nil {
				problems = refusal{c, problems}.problems()
			}
			examined = append(examined, Examined{Candidate: c, Compiler: compiler, Problems: problems})
			if len(problems) == 0 {
				return examined, nil
			}
		}
	}
	if len(examined) == 0 {
		return nil, o.notFound()
	}
	return examined, nil
}

// Found returns the compilers of a request's host and folders, as far as they
// are on the machine: it runs nothing and brings none.
func (m *Manager) Found(req Request) []Candidate {
	var found []Candidate
	for _, f := range m.from(req) {
		found = append(found, m.Host.find(req.Info, f).found...)
	}
	return found
}

// Offers returns the kinds of `from` blocks that could bring a compiler for
// an architecture that is not on the machine.
func (m *Manager) Offers(info sdk.ToolchainInfo) []string {
	var kinds []string
	for _, kind := range m.Order {
		if _, ok := m.Providers[kind].Default(info); ok {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// Architectures returns those of the descriptions whose compiler is in a
// folder by its own name, by the architectures' names and in their order.
func Architectures(dir string, infos []sdk.ToolchainInfo) []string {
	var archs []string
	for _, info := range infos {
		var s search
		for _, triplet := range info.Triplets {
			for _, bin := range bins {
				s.drivers(filepath.Join(dir, bin), triplet+"-gcc", "")
			}
		}
		if len(s.found) > 0 && !slices.Contains(archs, info.Arch) {
			archs = append(archs, info.Arch)
		}
	}
	return archs
}

// InFolder is a request's `from` block for one folder.
func InFolder(dir string) config.From { return config.From{Kind: "path", Dir: dir} }
