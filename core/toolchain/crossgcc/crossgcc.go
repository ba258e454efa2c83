// Package crossgcc builds compilers from source, for processors that have
// nothing else: binutils, gcc for C, the headers of Linux, and musl or glibc.
//
// Each part is a result of the store, so that a run that was stopped goes on
// after the last part that was finished.
package crossgcc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/unpacked"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// Fetcher fetches a file by its hash. It is implemented by *source.Fetcher.
type Fetcher interface {
	Fetch(ctx context.Context, req source.Request, dir string, progress func(source.Progress)) (string, error)
}

// Provider builds the compilers of `from "source"` blocks.
type Provider struct {
	// Keeper keeps the parts, and the compilers made of them.
	Keeper  *unpacked.Keeper
	Fetcher Fetcher
	// Apt finds packages that hold tarballs.
	Apt *apt.Binaries
	// Blobs is the absolute path of the folder of fetched files by sha256.
	Blobs string
	// Jobs is how many compiles may run at once, 1 or more.
	Jobs int
	// Examine looks at the machine; nil for [Examine].
	Examine func(ctx context.Context, dir string) (Host, error)
	// Logger may be nil.
	Logger *slog.Logger
}

var (
	_ toolchain.Provider = (*Provider)(nil)
	_ toolchain.Pinner   = (*Provider)(nil)
	_ toolchain.Local    = (*Provider)(nil)
)

// Default says that nothing is built from source unless a configuration asks
// for it: it takes too long to come as a surprise.
func (p *Provider) Default(sdk.ToolchainInfo) (config.From, bool) { return config.From{}, false }

// Files returns the tarballs and patches that no hash is given of.
func (p *Provider) Files(from config.From) []string {
	if from.Build == nil {
		return nil
	}
	var files []string
	b := from.Build
	for _, part := range []config.Part{b.Binutils, b.GCC, b.Linux, b.Musl, b.Glibc} {
		if part.File != "" && part.SHA256 == "" {
			files = append(files, part.File)
		}
		files = append(files, part.Patches...)
	}
	return files
}

// Pins returns what the compiler in a folder was built from.
func (p *Provider) Pins(_ config.From, dir string) map[string]string { return p.Keeper.Pins(dir) }

// Provide returns the folder of a compiler that was built, now or before.
func (p *Provider) Provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	dir, err := p.provide(ctx, info, from, report)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", clause(err)
	}
	return dir, nil
}

// clause puts an error into one clause, which says where the log is.
func clause(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Log != "" {
		return fmt.Errorf("%w; the log is %s", toolchain.Clause(err), f.Log)
	}
	return toolchain.Clause(err)
}

func (p *Provider) provide(ctx context.Context, info sdk.ToolchainInfo, from config.From, report toolchain.Report) (string, error) {
	if from.Build == nil {
		return "", errors.New("nothing is said of what to build")
	}
	j := &job{Provider: p, info: info, build: *from.Build, report: report.OrNone()}
	if err := j.examine(ctx); err != nil {
		return "", err
	}
	if err := j.settle(); err != nil {
		return "", err
	}
	if err := j.find(ctx); err != nil {
		return "", err
	}
	return j.compiler(ctx)
}

// The C libraries.
const (
	musl  = "musl"
	glibc = "glibc"
)

// settle decides upon the C library and the triplet.
func (j *job) settle() error {
	if j.build.Libc == "" {
		j.build.Libc = musl
	}
	if j.build.Libc == musl && j.info.Musl == "" {
		return fmt.Errorf("musl does not know %s", j.info.Arch)
	}
	j.target = j.build.Target
	if j.target == "" {
		j.target = target(j.info, j.build.Libc, j.host.machine())
	}
	if j.target == "" {
		return fmt.Errorf("nothing is known of the triplet of %s: write target = \"…\"", j.info.Arch)
	}
	return nil
}

// target returns the triplet of an architecture's compiler with a C library,
// which is not that of the machine's own compiler: that would make it a native
// one.
func target(info sdk.ToolchainInfo, libc, machine string) string {
	for _, triplet := range info.Triplets {
		cpu, abi, ok := strings.Cut(triplet, "-linux-gnu")
		if !ok || strings.ContainsAny(triplet, "*?[") {
			continue
		}
		if libc == musl {
			// The ABI of mips64 is an option of its gcc: "gnuabi64" is Debian's.
			return cpu + "-linux-musl" + strings.TrimPrefix(abi, "abi64")
		}
		if own, _, _ := strings.Cut(machine, "-"); own == cpu {
			cpu += "-cross"
		}
		return cpu + "-linux-gnu" + abi
	}
	return ""
}

// job is one compiler being built.
type job struct {
	*Provider
	info   sdk.ToolchainInfo
	build  config.Build
	report toolchain.Report
	target string
	host   Host
	// inputs are the sources by the part's name.
	inputs map[string]*input
}
