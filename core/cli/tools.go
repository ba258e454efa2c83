package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/mkmini/mkmini/core/build"
	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/apt"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/toolchain/deb"
	"github.com/mkmini/mkmini/core/ui"
)

// epochDefault is the time in artifacts when SOURCE_DATE_EPOCH doesn't give
// one: 1 January 1980, the first that every archive format can hold.
const epochDefault = 315532800

// tools are the parts of mkmini that a build works with. Their owner closes
// the host.
type tools struct {
	host    *pluginhost.Host
	builder *build.Builder
	// out is the output folder's absolute path, and shown the flag's value.
	out, shown string
}

func (t *tools) job(s *system) build.Job {
	return build.Job{Config: s.config, Plugins: s.plugins, Toolchains: s.toolchains, Out: t.out, Shown: t.shown}
}

// system reads the configuration and puts the parts together.
func (a *app) system(ctx context.Context, sink event.Sink) (*tools, *system, error) {
	file, err := a.read()
	if err != nil {
		return nil, nil, err
	}
	t, err := a.tools(ctx, file, sink)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.load(ctx, t.host, file)
	if err != nil {
		return nil, nil, errors.Join(err, t.host.Close())
	}
	if err := t.builder.Validate(ctx, t.job(s)); err != nil {
		return nil, nil, errors.Join(err, t.host.Close())
	}
	return t, s, nil
}

func (a *app) tools(ctx context.Context, file *config.Document, sink event.Sink) (*tools, error) {
	st, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	epoch, err := epochFrom(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return nil, err
	}
	out, err := filepath.Abs(a.flags.out)
	if err != nil {
		return nil, fmt.Errorf("find the output folder: %w", err)
	}
	logger := a.logger(sink)
	lock, err := a.loadLock()
	if err != nil {
		return nil, err
	}
	host, err := a.pinnedHost(st, file.Dir(), logger, a.pins(lock, requires(file)))
	if err != nil {
		return nil, err
	}
	self, err := a.selfDigest(ctx, host)
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return &tools{host: host, out: out, shown: a.flags.out, builder: &build.Builder{
		Store: st, Plugins: host, Events: sink, Mkmini: self,
		Fetcher:    a.fetcher(st, logger),
		Toolchains: a.manager(st, logger),
		Jobs:       a.jobs(), KeepGoing: a.flags.keepGoing, Epoch: epoch, Now: time.Now, Version: a.Version,
	}}, nil
}

// fetcher fetches files.
func (a *app) fetcher(st *store.Store, logger *slog.Logger) *source.Fetcher {
	return &source.Fetcher{
		Offline: a.flags.offline, Proxy: a.settings.Proxy.Through(), Mirrors: a.settings.Mirrors,
		Logger: logger, Apt: a.sourcePackages(st, logger),
	}
}

// sourcePackages looks into Debian's source packages.
func (a *app) sourcePackages(st *store.Store, logger *slog.Logger) *apt.Finder {
	return &apt.Finder{Dir: st.Sub("apt"), Env: a.aptEnv(), Logger: logger}
}

// manager finds compilers, and brings those that aren't there.
func (a *app) manager(st *store.Store, logger *slog.Logger) *toolchain.Manager {
	host := toolchain.ThisHost()
	providers := a.unpackers(st, logger)
	providers["source"] = a.builder(st, logger)
	providers["deb"] = &deb.Provider{
		Store: st, Files: st.Sub("sources"), Machine: host.Machine, Logger: logger,
		Apt: a.binaries(st, logger),
	}
	return &toolchain.Manager{
		Dir: st.Sub("toolchains"), Host: host, Providers: providers, Order: []string{"deb"}, Chosen: a.chosen, Steps: st.Sub("steps"),
	}
}

// binaries finds Debian packages.
func (a *app) binaries(st *store.Store, logger *slog.Logger) *apt.Binaries {
	return &apt.Binaries{Dir: filepath.Join(st.Sub("apt"), "binary"), Offline: a.flags.offline, Env: a.aptEnv(), Logger: logger}
}

// aptEnv is the environment of apt, which has the settings' proxies.
func (a *app) aptEnv() []string { return a.settings.Proxy.Environ(os.Environ()) }

func (a *app) jobs() int {
	if jobs := cmp.Or(a.flags.jobs, a.settings.Jobs); jobs > 0 {
		return jobs
	}
	return runtime.NumCPU()
}

// logger sends log lines the way of the events.
func (a *app) logger(sink event.Sink) *slog.Logger {
	level := slog.LevelWarn
	switch {
	case a.flags.verbose >= 2:
		level = slog.LevelDebug
	case a.flags.verbose == 1:
		level = slog.LevelInfo
	}
	return slog.New(ui.NewHandler(sink, level))
}

// openStore opens the store: of the flag, of the environment, of the settings,
// or the default. It has read the settings then.
func (a *app) openStore() (*store.Store, error) {
	if err := a.configure(); err != nil {
		return nil, err
	}
	dir := cmp.Or(a.flags.store, os.Getenv("MKMINI_STORE"), a.settings.Store)
	var err error
	if dir == "" {
		dir, err = store.DefaultDir()
	} else {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return nil, err
	}
	st, err := store.Open(dir)
	if err != nil {
		return nil, &fault.Error{
			Summary: "The store can't be opened", Detail: err.Error() + ".",
			Remedy: "Give another folder with --store DIR or MKMINI_STORE, or make this one writable.", Err: err,
		}
	}
	return st, nil
}

// selfDigest returns the digest of mkmini itself, as the one who serves the
// built-in plugins: the host keeps it, so that nothing is read to know it.
func (a *app) selfDigest(ctx context.Context, host *pluginhost.Host) (string, error) {
	for _, name := range a.Builtins {
		found, err := host.Find(ctx, name)
		if err != nil {
			return "", err
		}
		if found.Builtin {
			return found.Digest, nil
		}
	}
	return "", errors.New("every built-in plugin is replaced by another one")
}

// dataDir returns the user's folder for data, or "" if there is no home.
// Source: XDG Base Directory Specification.
func dataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share")
}

// epochFrom reads SOURCE_DATE_EPOCH, seconds since 1970.
// Source: https://reproducible-builds.org/specs/source-date-epoch/
func epochFrom(value string) (time.Time, error) {
	if value == "" {
		return time.Unix(epochDefault, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, &usageError{fmt.Sprintf("SOURCE_DATE_EPOCH is %q: it has to be a number of seconds since 1970", value)}
	}
	return time.Unix(seconds, 0).UTC(), nil
}
