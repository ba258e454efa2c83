// Package toolchain finds a compiler for an architecture, has the plugin
// probe it, and remembers what was found for as long as the compiler stays
// the same.
package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Manager finds and probes compilers.
type Manager struct {
	// Dir is the folder of the records, absolute.
	Dir  string
	Host Host
	// Providers bring compilers that aren't on the machine, by the kind of
	// `from` block. Order are the kinds that are tried after the host where a
	// configuration names no place.
	Providers map[string]Provider
	Order     []string
	// Chosen are the `from` blocks that a user chose for configurations that
	// name no place, by the name of the toolchain plugin.
	Chosen map[string][]config.From
	// Steps is the folder of the store's results, absolute, which are the
	// compilers that providers bring and those that Keep notes; empty if there
	// are none.
	Steps string
}

// ThisHost returns what a search sees of the machine it runs on.
func ThisHost() Host {
	h := Host{}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			h.Path = append(h.Path, dir)
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Machine = unix.ByteSliceToString(u.Machine[:])
	}
	return h
}

// Request asks for a compiler.
type Request struct {
	Toolchain config.Toolchain
	Info      sdk.ToolchainInfo
	// Plugin is the digest of the plugin that probes.
	Plugin string
}

// query is a request together with what the machine has for it. Its digest
// names the record.
type query struct {
	Plugin     string          `json:"plugin"`
	Attributes json.RawMessage `json:"attributes"`
	From       []config.From   `json:"from"`
	Candidates []Candidate     `json:"candidates"`
	Emulators  []string        `json:"emulators"`
	Machine    string          `json:"machine"`
	// Local is the state of files that compilers are made from.
	Local map[string]string `json:"local,omitempty"`
	// Kept are the digests of what is kept for the blocks.
	Kept []string `json:"kept,omitempty"`

	path string
}

func (m *Manager) query(req Request) (query, error) {
	q := query{
		Plugin: req.Plugin, Attributes: req.Toolchain.Attributes,
		Emulators: emulators(req.Info), Machine: m.Host.Machine,
	}
	for _, f := range m.from(req) {
		q.Candidates = append(q.Candidates, m.Host.find(req.Info, f).found...)
		for path, state := range m.local(f) {
			if q.Local == nil {
				q.Local = map[string]string{}
			}
			q.Local[path] = state
		}
		if k, ok := m.keptFor(req.Info.Arch, f); ok {
			q.Kept = append(q.Kept, k.Digest)
		}
		f.Range = fault.Range{} // where it stands has no say
		q.From = append(q.From, f)
	}
	data, err := json.Marshal(q)
	if err != nil {
		return query{}, fmt.Errorf("encode the search for a compiler: %w", err)
	}
	sum := sha256.Sum256(data)
	q.path = filepath.Join(m.Dir, req.Info.Arch+"-"+hex.EncodeToString(sum[:16])+".json")
	return q, nil
}

// emulators returns the paths of the architecture's emulators that are there.
func emulators(info sdk.ToolchainInfo) []string {
	var paths []string
	for _, name := range info.Emulators {
		if p, err := exec.LookPath(name); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// Known returns the compiler that an earlier Obtain settled on, if nothing
// has changed since. It runs nothing.
func (m *Manager) Known(req Request) (Probed, bool) {
	q, err := m.query(req)
	if err != nil {
		return Probed{}, false
	}
	p, ok := load(q.path)
	if ok {
		note(q.path, req.Toolchain.Range.File)
	}
	return p, ok
}

// Obtain returns the first compiler found that passes the plugin's probe,
// and remembers it. Failures of those before it are returned as remarks.
// With none, the error is a [*fault.Error] that lists all that was tried, or
// several that are joined, one for each fault of the first compiler.
func (m *Manager) Obtain(ctx context.Context, req Request, plugin sdk.Toolchain, workDir string, report Report) (Probed, []string, error) {
	q, err := m.query(req)
	if err != nil {
		return Probed{}, nil, err
	}
	o := &obtaining{Manager: m, req: req, plugin: plugin, workDir: workDir, report: report}
	for _, f := range m.from(req) {
		p, ok, err := o.try(ctx, f)
		if err != nil {
			return Probed{}, nil, err
		}
		if !ok {
			continue
		}
		if p.Fingerprint, err = fingerprint(p.Compiler); err != nil {
			return Probed{}, nil, err
		}
		if p.Shared, err = sharedFingerprint(p.Compiler); err != nil {
			return Probed{}, nil, err
		}
		also := o.emulator
		for _, r := range o.refused {
			also = append(also, r.CC)
		}
		if err := save(q.path, p, slices.Concat(also, q.Emulators)); err != nil {
			return Probed{}, nil, err
		}
		note(q.path, req.Toolchain.Range.File)
		return p, o.remarks(), nil
	}
	return Probed{}, nil, o.failure()
}

// obtaining is one run over the `from` blocks.
type obtaining struct {
	*Manager
	req     Request
	plugin  sdk.Toolchain
	workDir string
	report  Report

	probes  int
	refused []refusal
	tried   []string
	failed  []failed
	// emulator are the files that the plugin's choice of emulators depends on.
	emulator []string
}

// try looks in one place. ok is false if it has no compiler of use.
func (o *obtaining) try(ctx context.Context, f config.From) (p Probed, ok bool, err error) {
	s, err := o.look(ctx, f)
	if err != nil {
		return Probed{}, false, err
	}
	o.tried = append(o.tried, s.tried...)
	for _, c := range s.found {
		o.probes++
		compiler, files, err := probe(ctx, o.plugin, c, o.req, filepath.Join(o.workDir, strconv.Itoa(o.probes)))
		o.emulator = append(o.emulator, files...)
		var diags sdk.Diagnostics
		if errors.As(err, &diags) {
			o.refused = append(o.refused, refusal{c, diags})
			continue
		}
		f.Range = fault.Range{}
		return Probed{
			Compiler: compiler, From: c.From, Kind: f.Kind, Block: f, Dir: s.dir, Stamp: o.stampTree(s.dir), Pins: s.pins,
		}, err == nil, err
	}
	return Probed{}, false, nil
}

// look finds the compilers of one place, once its provider has filled it.
func (o *obtaining) look(ctx context.Context, f config.From) (search, error) {
	provider := o.Providers[f.Kind]
	if provider == nil {
		return o.Host.find(o.req.Info, f), nil
	}
	dir, err := provider.Provide(ctx, o.req.Info, f, o.report)
	if ctx.Err() != nil {
		return search{}, context.Cause(ctx)
	}
	var s search
	if err != nil {
		kept, damaged := o.kept(ctx, o.req.Info.Arch, f)
		if kept == "" {
			o.failed = append(o.failed, failed{f, err, damaged})
			if damaged != nil {
				err = fmt.Errorf("%w; %w", err, damaged)
			}
			s.tried = append(s.tried, fmt.Sprintf("from %q: %s", f.Kind, err))
			return s, nil
		}
		dir = kept
	}
	s.dir, s.pins = dir, o.pins(f, dir)
	from := Origin(f)
	f.Dir = dir
	s.path(o.req.Info, f)
	for i := range s.found {
		s.found[i].From = from
	}
	return s, nil
}

func probe(ctx context.Context, plugin sdk.Toolchain, c Candidate, req Request, workDir string) (sdk.Compiler, []string, error) {
	if err := os.MkdirAll(workDir, 0o755); err != nil {
		return sdk.Compiler{}, nil, fmt.Errorf("probe %s: %w", c.CC, err)
	}
	return Probe(ctx, plugin, sdk.ProbeRequest{
		CC: c.CC, Prefix: c.Prefix, Attributes: req.Toolchain.Attributes, WorkDir: workDir,
	})
}
