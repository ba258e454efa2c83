package plugincheck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// probing are the checks of what toolchains say of compilers.
var probing = []check{
	{
		name: "probe_bad", kind: sdk.KindToolchain,
		remedy: "What is no compiler is refused with diagnostics that have a summary and a remedy.",
		run:    refusesCompilers,
	},
	{
		name: "probe", kind: sdk.KindToolchain,
		remedy: "The probe of a good compiler returns its facts and the absolute paths of its files.",
		run:    probes,
	},
	{
		name: "probe_again", kind: sdk.KindToolchain,
		remedy: "The same compiler is described in the same words each time: what is built depends on it.",
		run:    probesTheSame,
	},
	{
		name: "probe_confined", kind: sdk.KindToolchain,
		remedy: "A plugin writes to work_dir, out_dir and $TMPDIR alone: mkmini lets it write nowhere else.",
		run:    probesConfined,
	},
}

// probeRequest returns a request to probe a compiler.
func (s *subject) probeRequest(c Compiler) (sdk.ProbeRequest, error) {
	values, err := s.attributes(s.manifest.Toolchain.Attributes)
	if err != nil {
		return sdk.ProbeRequest{}, err
	}
	work, err := s.folder("probe")
	return sdk.ProbeRequest{CC: c.CC, Prefix: c.Prefix, Attributes: encode(values), WorkDir: work}, err
}

// probe makes a call on a running plugin.
func (s *subject) probe(ctx context.Context, p *pluginhost.Inspection, c Compiler) (sdk.Compiler, error) {
	req, err := s.probeRequest(c)
	if err != nil {
		return sdk.Compiler{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	compiler, err := p.Toolchain().Probe(ctx, req)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = fmt.Errorf("it did not end within %v", s.opts.CallTimeout)
	}
	return compiler, s.note(err)
}

// impostors are programs that are no compiler, as scripts.
var impostors = map[string]string{
	"a program that fails":       "#!/bin/sh\necho 'cc: fatal error: no input files' >&2\nexit 1\n",
	"a program that says yes":    "#!/bin/sh\necho y\n",
	"a compiler of another kind": "#!/bin/sh\ncase $1 in -dumpmachine) echo pdp11-unknown-aout ;; *) echo 'gcc 1.0' ;; esac\n",
}

func refusesCompilers(ctx context.Context, s *subject) (string, error) {
	dir, err := s.folder("impostors")
	if err != nil {
		return "", err
	}
	prefix := filepath.Join(dir, "none-")
	tries := map[string]Compiler{"a file that isn't there": {CC: filepath.Join(dir, "missing-gcc"), Prefix: filepath.Join(dir, "missing-")}}
	for _, name := range sortedKeys(impostors) {
		prefix := fmt.Sprintf("%s%d-", prefix, len(tries))
		script := filepath.Join(dir, "script")
		if err := os.WriteFile(script, []byte(impostors[name]), 0o755); err != nil {
			return "", err
		}
		if err := copyProgram(script, prefix+"gcc"); err != nil {
			return "", err
		}
		tries[name] = Compiler{CC: prefix + "gcc", Prefix: prefix}
	}
	for _, name := range sortedKeys(tries) {
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		_, err = s.probe(ctx, p, tries[name])
		if reason := skip(""); errors.As(err, &reason) {
			return "", err
		}
		if err == nil {
			return "", fmt.Errorf("it takes %s", name)
		}
		if err := explained(err); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	return fmt.Sprintf("%d refused", len(tries)), nil
}

// probes looks for a compiler that the plugin takes.
func probes(ctx context.Context, s *subject) (string, error) {
	tries := []Compiler{{CC: s.opts.CC, Prefix: strings.TrimSuffix(s.opts.CC, "gcc")}}
	if s.opts.CC == "" {
		if tries = nil; s.opts.Compilers != nil {
			tries = s.opts.Compilers(*s.manifest.Toolchain)
		}
	}
	if len(tries) == 0 {
		return "", skip(fmt.Sprintf("there is no compiler for %s: install one, or name one with --cc FILE", s.manifest.Toolchain.Arch))
	}
	var last error
	for _, c := range tries {
		p, err := s.plugin(ctx)
		if err != nil {
			return "", err
		}
		compiler, err := s.probe(ctx, p, c)
		var refused sdk.Diagnostics
		switch {
		case err == nil:
			s.compiler = &compiler
			return fmt.Sprintf("%s: %s", compiler.CC, compiler.Version), s.childless()
		case !errors.As(err, &refused):
			return "", err
		}
		last = fmt.Errorf("%s: %w", c.CC, err)
	}
	if s.opts.CC == "" {
		return "", skip("it takes none of the compilers here: " + last.Error())
	}
	return "", last
}

func probesTheSame(ctx context.Context, s *subject) (string, error) {
	if s.compiler == nil {
		return "", skip("there is no compiler")
	}
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	again, err := s.probe(ctx, p, Compiler{CC: s.compiler.CC, Prefix: s.compiler.Prefix})
	if err != nil {
		return "", err
	}
	first, second := fmt.Sprintf("%+v", *s.compiler), fmt.Sprintf("%+v", again)
	if first != second {
		n := 0
		for n < min(len(first), len(second)) && first[n] == second[n] {
			n++
		}
		from := max(0, n-20)
		return "", fmt.Errorf("first it says …%s…, then …%s…", clip(first[from:]), clip(second[from:]))
	}
	return "", nil
}

// probesConfined probes as builds do.
func probesConfined(ctx context.Context, s *subject) (string, error) {
	if s.compiler == nil {
		return "", skip("there is no compiler")
	}
	host, err := s.confinedHost()
	if err != nil {
		return "", err
	}
	defer host.Close()
	toolchain, err := host.Toolchain(ctx, s.manifest.Name)
	if err != nil {
		return "", err
	}
	req, err := s.probeRequest(Compiler{CC: s.compiler.CC, Prefix: s.compiler.Prefix})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.CallTimeout)
	defer cancel()
	_, err = toolchain.Probe(ctx, req)
	return s.opts.Sandbox.String(), s.note(err)
}
