package plugincheck

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/plugins/sdk"
)

const (
	defaultStartTimeout = 10 * time.Second
	defaultCallTimeout  = 10 * time.Minute
	// patience is how long what was cancelled or told to end may go on. By the
	// contract it has a second, but a busy machine is no fault of the plugin.
	patience = 5 * time.Second
)

// subject is the plugin that is checked, with what the checks found out.
type subject struct {
	opts   Options
	logger *slog.Logger
	// dir is ours alone. In it are the copy of the executable, another that
	// runs it with a strict umask, and the folders of the calls.
	dir      string
	exe      string
	home     string
	temp     string
	mark     string
	folders  int
	manifest sdk.Manifest

	host  *pluginhost.Host
	main  *pluginhost.Inspection
	other *pluginhost.Inspection
	// printed is what plugins that have been stopped wrote to their standard
	// output.
	printed string

	// watched are processes that the plugin has had, and idle those of them
	// that it had before it was called.
	watched, idle map[process]bool

	mu sync.Mutex
	// retreats are reports of progress that went back.
	retreats []string
	reports  int
	// diagnostics are all that the plugin returned.
	diagnostics sdk.Diagnostics

	// inputs are listings of the folders of what requests name.
	inputs map[string]map[string]string
	// layers are for exports, and exported is the folder of the first one.
	layers   layers
	exported string
	// compiler is what the probe said of one that is good, and built the
	// folder of the first build.
	compiler *sdk.Compiler
	built    string
}

// newSubject copies the executable to a folder of its own, as an
// installation does: nothing that lay beside it is there.
func newSubject(opts Options) (*subject, error) {
	opts.StartTimeout = cmp.Or(opts.StartTimeout, defaultStartTimeout)
	opts.CallTimeout = cmp.Or(opts.CallTimeout, defaultCallTimeout)
	opts.Jobs = max(opts.Jobs, 1)
	s := &subject{opts: opts, logger: opts.Logger, mark: rand.Text(), watched: map[process]bool{}, idle: map[process]bool{}, inputs: map[string]map[string]string{}}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.dir, err = os.MkdirTemp(opts.TempDir, "mkmini-check-"); err != nil {
		return nil, fmt.Errorf("make a folder to work in: %w", err)
	}
	s.home, s.temp = filepath.Join(s.dir, "home"), filepath.Join(s.dir, "temp")
	for _, dir := range []string{s.home, s.temp, filepath.Join(s.dir, "bin")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	s.exe = filepath.Join(s.dir, "bin", filepath.Base(opts.Path))
	if err := copyProgram(opts.Path, s.exe); err != nil {
		return nil, errors.Join(fmt.Errorf("copy the plugin: %w", err), s.close())
	}
	return s, nil
}

// close ends all that the plugin started and removes our folder.
func (s *subject) close() error {
	var err error
	if s.host != nil {
		err = s.host.Close()
	}
	s.killLeft()
	return errors.Join(err, store.RemoveAll(s.dir))
}

// is says whether the plugin is of a kind.
func (s *subject) is(kind string) bool {
	switch kind {
	case sdk.KindToolchain:
		return s.manifest.Toolchain != nil
	case sdk.KindExporter:
		return s.manifest.Exporter != nil
	}
	return true
}

// environment are the variables that differ from what mkmini gives a plugin:
// folders in which nothing may be left, and the mark by which we know its
// processes.
func (s *subject) environment() []string {
	return append([]string{"HOME=" + s.home, "TMPDIR=" + s.temp, markName + "=" + s.mark}, s.opts.Env...)
}

// plugin returns the running plugin; one that died, or doesn't answer, is
// started anew.
func (s *subject) plugin(ctx context.Context) (*pluginhost.Inspection, error) {
	if s.main != nil {
		alive, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
		defer cancel()
		if s.main.Alive(alive) {
			return s.main, nil
		}
		s.stopped()
	}
	if s.host == nil {
		s.host = s.newHost(false)
	}
	var err error
	if s.main, err = s.host.Inspect(ctx, s.manifest.Name); err != nil {
		s.main = nil
		return nil, err
	}
	for _, p := range s.watch() {
		s.idle[p.process] = true
	}
	return s.main, nil
}

// folder returns the path of a new, empty folder for a call.
func (s *subject) folder(name string) (string, error) {
	s.folders++
	dir := filepath.Join(s.dir, fmt.Sprintf("%d-%s", s.folders, name))
	return dir, os.Mkdir(dir, 0o755)
}

// attributes returns the attributes of a block as a plugin gets them: the
// given ones and the defaults. A required one that isn't given is a skip.
func (s *subject) attributes(described []sdk.Attribute) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	for _, a := range described {
		switch given := s.opts.Attributes[a.Name]; {
		case given != nil:
			values[a.Name] = given
		case a.Default != nil:
			values[a.Name] = a.Default
		case a.Required:
			return nil, skip(fmt.Sprintf("it needs a value for %q: give one with --attribute %s=VALUE", a.Name, a.Name))
		}
	}
	return values, nil
}

// encode returns attributes as a JSON object.
func encode(values map[string]json.RawMessage) json.RawMessage {
	b, err := json.Marshal(values)
	if err != nil { // a default that is no JSON is refused with the manifest
		return json.RawMessage("{}")
	}
	return b
}

// progress returns a function that takes a call's reports, and notes those
// that went back.
func (s *subject) progress(call string, each func()) sdk.Progress {
	done := map[string]int{}
	return func(r sdk.Report) {
		s.mu.Lock()
		s.reports++
		last := done[r.Phase]
		switch {
		case r.Done < last:
			s.retreats = append(s.retreats, fmt.Sprintf("in %s, the phase %q went from %d back to %d", call, r.Phase, last, r.Done))
		case r.Total < 0 || r.Total > 0 && r.Done > r.Total:
			s.retreats = append(s.retreats, fmt.Sprintf("in %s, the phase %q had done %d of %d", call, r.Phase, r.Done, r.Total))
		}
		done[r.Phase] = r.Done
		s.mu.Unlock()
		if each != nil {
			each()
		}
	}
}

// note keeps the diagnostics of a call, and returns its error.
func (s *subject) note(err error) error {
	var list sdk.Diagnostics
	if errors.As(err, &list) {
		s.mu.Lock()
		s.diagnostics = append(s.diagnostics, list...)
		s.mu.Unlock()
	}
	return err
}

// short returns the first lines of a text, for a message.
func short(text []byte) string {
	text = bytes.ToValidUTF8(bytes.TrimSpace(text), []byte("�"))
	if line, _, more := bytes.Cut(text, []byte{'\n'}); more {
		text = append(line[:len(line):len(line)], "…"...)
	}
	return strings.TrimSpace(string(text[:min(len(text), 200)]))
}
