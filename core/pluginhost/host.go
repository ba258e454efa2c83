// Package pluginhost finds plugins, says what they are, starts them when they
// are needed, calls them, stops them, and explains why one failed.
package pluginhost

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/sandbox"
	"github.com/mkmini/mkmini/plugins/sdk"
)

// defaultStartTimeout is far more than a plugin needs, also on a slow and
// busy machine.
const defaultStartTimeout = 10 * time.Second

// Options say where plugins come from.
type Options struct {
	// Builtins are the names of the built-in plugins.
	Builtins []string
	// Self is the absolute path of the mkmini binary, which serves them.
	Self string
	// Overrides are executables, of any name, or folders with plugins, that
	// are used in place of all others, by a plugin's name. They are for those
	// who write a plugin.
	Overrides map[string]string
	// Dirs are the folders with plugins, which come before the built-in
	// ones. They need not exist.
	Dirs []string
	// Pins are what plugins other than the built-in ones and overrides have to
	// be, by name. A plugin that is something else is not run.
	Pins map[string]Pin
	// Path says to look in the folders of the variable PATH too, last.
	Path bool
	// CacheDir is where descriptions of plugins are kept. It is made when
	// needed; if it is empty, none are kept.
	CacheDir string
	// Logger gets at debug level what plugins write to standard error. It
	// may be nil.
	Logger *slog.Logger
	// Attached are plugins that run already, by name: they are called in
	// place of any other of that name, and not stopped.
	Attached map[string]sdk.Reattach
	// StartTimeout bounds the start of a plugin, 10 seconds if 0.
	StartTimeout time.Duration
	// Heartbeat is how long a plugin may be without any answer during a call,
	// 30 seconds if 0, and Silence how long a call may go on without a report
	// of progress, 30 minutes if 0. A plugin that takes longer is ended.
	Heartbeat, Silence time.Duration
	// Memory is how many bytes of data each process of a plugin may have, 0
	// for any number.
	Memory uint64
	// Sandbox confines plugins to the folders of their calls; nil doesn't. If
	// it confines files, each call that has folders gets a process of its
	// own.
	Sandbox *sandbox.Sandbox
	// Env are further variables "NAME=value" for plugins, which get none of
	// mkmini's own but PATH, HOME and USER. TMPDIR is a folder of their own.
	Env []string
}

// Host starts plugins at their first use and keeps them until Close. Its
// methods may be called from several goroutines.
type Host struct {
	opts    Options
	logger  *slog.Logger
	digests digests

	told   sync.Once
	mu     sync.Mutex
	closed bool
	found  map[string]*Found
	// current are the processes by plugin; all holds those that died too.
	current map[string]*process
	all     []*process
}

// New returns a host that has not started anything.
func New(opts Options) *Host {
	opts.StartTimeout = cmp.Or(opts.StartTimeout, defaultStartTimeout)
	opts.Heartbeat = cmp.Or(opts.Heartbeat, defaultHeartbeat)
	opts.Silence = cmp.Or(opts.Silence, defaultSilence)
	opts.Dirs = slices.Clone(opts.Dirs)
	for i, dir := range opts.Dirs {
		// Plugins run in another working folder.
		if abs, err := filepath.Abs(dir); err == nil {
			opts.Dirs[i] = abs
		}
	}
	logger := opts.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Host{
		opts:    opts,
		logger:  logger,
		found:   map[string]*Found{},
		current: map[string]*process{},
	}
}

// Toolchain returns the toolchain of the named plugin, started if it isn't
// running; in a sandbox it is started when a call needs it.
//
// Errors of its calls are [sdk.Diagnostics], the context's error, or a
// [fault.Error] that explains what went wrong with the plugin.
func (h *Host) Toolchain(ctx context.Context, name string) (sdk.Toolchain, error) {
	found, err := h.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if found.Manifest.Toolchain == nil {
		return nil, found.lacks(sdk.KindToolchain, sdk.KindExporter)
	}
	c, err := h.client(ctx, found)
	return (*toolchain)(c), err
}

// Exporter returns the exporter of the named plugin, like Toolchain.
func (h *Host) Exporter(ctx context.Context, name string) (sdk.Exporter, error) {
	found, err := h.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	if found.Manifest.Exporter == nil {
		return nil, found.lacks(sdk.KindExporter, sdk.KindToolchain)
	}
	c, err := h.client(ctx, found)
	return (*exporter)(c), err
}

// lacks explains that a plugin is of another kind.
func (f *Found) lacks(want, is string) error {
	return &fault.Error{
		Summary: "Plugin " + quote(f.Name) + " is no " + want,
		Detail:  "The plugin " + f.where() + " is an " + is + " only.",
		Remedy:  "Use another plugin for this " + want + ".",
		Usage:   true,
	}
}

// errClosed means that a plugin was asked for after Close.
var errClosed = errors.New("the plugin host is closed")

// process returns the running process of a plugin. Callers that come at once
// share one start.
func (h *Host) process(ctx context.Context, found *Found) (*process, error) {
	p, err := h.launched(found)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.ready:
		return p, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// launched returns the process of a plugin, which may not be ready yet. The
// start belongs to no caller, so that one who gives up spoils nothing for the
// others.
func (h *Host) launched(found *Found) (*process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if p := h.current[found.Name]; p != nil && !p.dead() {
		return p, nil
	}
	h.tell()
	p := h.newProcess(found)
	p.program.limits.box = h.opts.Sandbox
	h.current[found.Name] = p
	h.all = append(h.all, p)
	go p.launch()
	return p, nil
}

// Close stops all plugins side by side. Afterwards no process, socket or
// temporary folder of theirs is left. A call that still runs is cut off.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	all := h.all
	h.all = nil
	h.mu.Unlock()

	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, p := range all {
		group.Go(func() { errs[i] = p.stop() })
	}
	group.Wait()
	return errors.Join(errs...)
}
