package plugincheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// served are the checks of what all plugins serve.
var served = []check{
	{
		name:   "describe_call",
		remedy: `The call Describe returns what "describe" prints.`,
		run:    describesTheSame,
	},
	{
		name:   "health",
		remedy: `The service grpc.health.v1.Health says of the service "plugin" that it is SERVING.`,
		run:    isHealthy,
	},
	{
		name:   "garbage",
		remedy: "Whatever the bytes of a request are, a plugin answers, with a failure or a status, and goes on.",
		run:    survivesGarbage,
	},
}

// after are the checks of what is left when all others are done.
var after = []check{
	{
		name:   "progress",
		remedy: "Of one phase, what is done never becomes less, and never more than the total.",
		run:    wentOn,
	},
	{
		name:   "diagnostics",
		remedy: "A diagnostic has a summary without a period, and says what is wrong and what to do.",
		run:    explainedAll,
	},
	{
		name:   "stdout",
		remedy: "Nothing but the handshake goes to standard output; what is for people goes to standard error.",
		run:    wasQuiet,
	},
	{
		name:   "stop",
		remedy: "When plugin.GRPCController's Shutdown is called, a plugin ends, for which it has a second, and leaves no process.",
		run:    ends,
	},
	{
		name:   "files",
		remedy: "A plugin writes to the folders of a request only, and leaves nothing in the home folder or that for temporary files.",
		run:    leftNothing,
	},
}

func describesTheSame(ctx context.Context, s *subject) (string, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	m := s.manifest
	m.Toolchain, m.Exporter = nil, nil
	if t := p.Toolchain(); t != nil {
		info, err := t.Describe(ctx)
		if err != nil {
			return "", err
		}
		m.Toolchain = &info
	}
	if e := p.Exporter(); e != nil {
		info, err := e.Describe(ctx)
		if err != nil {
			return "", err
		}
		m.Exporter = &info
	}
	called, printed := canonical(m), canonical(s.manifest)
	if called != printed {
		n := 0
		for n < min(len(called), len(printed)) && called[n] == printed[n] {
			n++
		}
		from := max(0, n-20)
		return "", fmt.Errorf("the call says …%s…, and it printed …%s…", clip(called[from:]), clip(printed[from:]))
	}
	return "", nil
}

// canonical returns a manifest as JSON whose spaces and order are ours.
func canonical(m sdk.Manifest) string {
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var v any
	if json.Unmarshal(b, &v) != nil {
		return string(b)
	}
	b, _ = json.Marshal(v)
	return string(b)
}

func clip(s string) string { return s[:min(len(s), 60)] }

// isHealthy asks the plugin as it is: one that hangs isn't started anew.
func isHealthy(ctx context.Context, s *subject) (string, error) {
	p := s.main
	if p == nil {
		var err error
		if p, err = s.plugin(ctx); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	return "", p.Healthy(ctx)
}

// broken are bytes that are no message at all.
var broken = map[string][]byte{
	"random bytes":      {0xff, 0xff, 0xff, 0xff, 0x00, 0x13, 0x37},
	"a field cut short": {0x0a, 0xff, 0xff, 0xff, 0x7f},
	"bad UTF-8":         {0x0a, 0x02, 0xc3, 0x28},
	"half a nesting":    bytes.Repeat([]byte{0x12, 0x7f}, 64),
	"a tag of zero":     make([]byte, 1<<16),
}

// odd are messages that a host of another version may send. They are kept
// from calls that work: without a folder, a plugin would work anywhere.
var odd = map[string][]byte{
	"an unknown field": {0xf8, 0x3f, 0x2a},
	"an empty message": {},
	"an unknown group": {0xfb, 0x3f, 0xfc, 0x3f},
}

// working are the methods that work in folders.
var working = []string{"Probe", "Build", "Export"}

func survivesGarbage(ctx context.Context, s *subject) (string, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	methods := []string{"/mkmini.plugin.v1.Nothing/Nothing", "/mkmini.plugin.v1.Calls/Wait"}
	if p.Toolchain() != nil {
		for _, method := range []string{"Describe", "Probe", "Build", "Nothing"} {
			methods = append(methods, "/mkmini.plugin.v1.Toolchain/"+method)
		}
	}
	if p.Exporter() != nil {
		for _, method := range []string{"Describe", "Export", "Nothing"} {
			methods = append(methods, "/mkmini.plugin.v1.Exporter/"+method)
		}
	}
	sent := 0
	for _, method := range methods {
		messages := maps.Clone(broken)
		if !slices.Contains(working, path.Base(method)) {
			maps.Copy(messages, odd)
		}
		for _, name := range sortedKeys(messages) {
			if err := s.send(ctx, method, messages[name]); err != nil {
				s.stopped()
				return "", fmt.Errorf("%s for %s: %w", name, method, err)
			}
			sent++
		}
	}
	if _, err := isHealthy(ctx, s); err != nil {
		return "", fmt.Errorf("afterwards: %w", err)
	}
	return fmt.Sprintf("%d requests", sent), nil
}

func (s *subject) send(ctx context.Context, method string, message []byte) error {
	p, err := s.plugin(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	status, err := p.Send(limited, method, message)
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		return fmt.Errorf("no answer within %v", s.opts.StartTimeout)
	case err != nil:
		return err
	case status == "OK" && strings.HasSuffix(method, "/Nothing"):
		return errors.New("it has a method of that name")
	}
	return nil
}

// stopped forgets a plugin that does not work any more; the next check starts
// another.
func (s *subject) stopped() {
	if s.main != nil {
		_ = s.main.Stop() // what it leaves is looked for in the end
		s.printed += s.main.Printed()
		s.main = nil
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func wentOn(_ context.Context, s *subject) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.retreats) > 0:
		return "", errors.New(s.retreats[0])
	case s.reports == 0:
		return "", skip("it reported nothing")
	}
	return fmt.Sprintf("%d reports", s.reports), nil
}

func explainedAll(_ context.Context, s *subject) (string, error) {
	for _, d := range s.diagnostics {
		if err := complete(d); err != nil {
			return "", err
		}
	}
	if len(s.diagnostics) == 0 {
		return "", skip("it returned none")
	}
	return fmt.Sprintf("%d seen", len(s.diagnostics)), nil
}

func wasQuiet(_ context.Context, s *subject) (string, error) {
	text := s.printed
	if s.main != nil {
		text += s.main.Printed()
	}
	if text != "" {
		return "", fmt.Errorf("it printed %q", short([]byte(text)))
	}
	return "", nil
}

func ends(ctx context.Context, s *subject) (string, error) {
	p, err := s.plugin(ctx)
	if err != nil {
		return "", err
	}
	s.watch()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := p.Shutdown(limited)
	if err := p.Stop(); err != nil {
		return "", err
	}
	s.main = nil
	if asked != nil {
		return "", fmt.Errorf("it still ran %v later", patience)
	}
	s.idle = map[process]bool{}
	return "", s.childless()
}

func leftNothing(_ context.Context, s *subject) (string, error) {
	var left []string
	for _, dir := range []string{s.home, s.temp} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", err
		}
		for _, entry := range entries {
			left = append(left, filepath.Join("$"+map[string]string{s.home: "HOME", s.temp: "TMPDIR"}[dir], entry.Name()))
		}
	}
	for _, dir := range sortedKeys(s.inputs) {
		now, err := listing(dir)
		if err != nil {
			return "", err
		}
		if change := difference(s.inputs[dir], now); change != "" {
			return "", fmt.Errorf("of what it was given to read, %s", change)
		}
	}
	if len(left) > 0 {
		return "", fmt.Errorf("it left %s", strings.Join(left, ", "))
	}
	return "", nil
}
