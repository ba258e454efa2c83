package cli

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginstore"
)

// initRemedy says how plugins are installed.
func (a *app) initRemedy(flags string) string {
	if a.flags.config == "" {
		return "Run `mkmini init" + flags + "` with the configuration of this folder."
	}
	return fmt.Sprintf("Run `mkmini init -c %s%s`.", a.flags.config, flags)
}

// pins returns what the lock says that plugins have to be on this machine:
// the releases that count, and what was found somewhere else.
func (a *app) pins(lock *lockfile.File, counts func(name string) bool) map[string]pluginhost.Pin {
	pins := map[string]pluginhost.Pin{}
	if !a.relock {
		for _, e := range lock.Entries {
			if e.Kind == lockfile.Plugin && e.Host == hostPlatform() {
				pins[e.Name] = pluginhost.Pin{
					Digest: "sha256:" + e.Values["sha256"], Lock: lock.Path, Range: e.Ranges["sha256"],
					Remedy: "Get the plugin that the lock names, or run `mkmini lock` with this configuration to accept what is here.",
				}
			}
		}
	}
	for _, e := range lock.Entries {
		if e.Kind != lockfile.Required || !counts(e.Name) {
			continue
		}
		pin := pluginhost.Pin{Lock: lock.Path, Range: e.Range, Remedy: a.initRemedy("") + " It installs what the lock names."}
		if sum := pluginstore.ThisPlatform().For(e.Members("executables")); sum != "" {
			pin.Digest = "sha256:" + sum
		}
		pins[e.Name] = pin
	}
	return pins
}

// requires says whether a configuration requires a plugin: other
// configurations may share its lock.
func requires(file *config.Document) func(name string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(file.Required(), func(p config.RequiredPlugin) bool { return p.Name == name })
	}
}

// always says that all releases of a lock count.
func always(string) bool { return true }

// checkRequired refuses to go on with a required plugin that is not
// installed, or that the lock pins in another version than is required. What
// is installed is held against the lock where it is found.
func (a *app) checkRequired(host *pluginhost.Host, file *config.Document, name string) error {
	i := slices.IndexFunc(file.Required(), func(p config.RequiredPlugin) bool { return p.Name == name })
	if i < 0 || host.Overrides(name) {
		return nil
	}
	p := file.Required()[i]
	lock, err := a.loadLock()
	if err != nil {
		return err
	}
	fail := func(what, detail, remedy string) error {
		return &fault.Error{Summary: fmt.Sprintf("Plugin %q %s", name, what), Detail: detail, Remedy: remedy, Range: &p.Range, Usage: true}
	}
	e, ok := lock.Get(lockfile.Required, name)
	if !ok {
		return fail("is not installed", fmt.Sprintf("The configuration requires it, and %s does not say which release is used.", lock.Path), a.initRemedy(""))
	}
	if reason, flags := unmet(p, e); reason != "" {
		return fail("is locked to something else", reason, a.initRemedy(flags))
	}
	if found := host.Candidates(name); len(found) == 0 || found[0] == "" {
		return fail("is not installed", fmt.Sprintf("The configuration requires it, and version %s, which %s pins, is in none of the folders of plugins.", e.Values["version"], lock.Path), a.initRemedy(""))
	}
	return nil
}

// unmet says why what the lock pins is not what the configuration requires,
// and the flags of init that change that; it is empty if it is.
func unmet(p config.RequiredPlugin, e lockfile.Entry) (reason, flags string) {
	v := e.Values["version"]
	switch {
	case p.Version != "" && !pluginstore.Accepts(p.Version, v):
		return fmt.Sprintf("The configuration requires version %s, and the lock pins %s.", p.Version, v), " --upgrade"
	case p.Written != e.Values["source"]:
		return fmt.Sprintf("The configuration takes it from %s, and the lock pins a release of %s.", p.Written, e.Values["source"]), ""
	}
	return "", ""
}

// lockedRelease returns what the lock pins of a plugin; nil if nothing.
func lockedRelease(lock *lockfile.File, name string) *pluginstore.Locked {
	e, ok := lock.Get(lockfile.Required, name)
	if !ok {
		return nil
	}
	return &pluginstore.Locked{
		Path: lock.Path, Version: e.Values["version"], Source: e.Values["source"], Key: e.Values["key"],
		Archives: e.Members("archives"), Executables: e.Members("executables"),
	}
}

// lockEntry returns a release as the lock has it.
func lockEntry(p config.RequiredPlugin, rel *pluginstore.Release) lockfile.Entry {
	e := lockfile.Entry{Kind: lockfile.Required, Name: p.Name, Values: map[string]string{"version": rel.Version, "source": p.Written}}
	if rel.Key != "" {
		e.Values["key"] = rel.Key
	}
	for _, one := range []struct {
		of     string
		values map[string]string
	}{{"archives", rel.Archives}, {"executables", rel.Executables}} {
		for _, name := range slices.Sorted(maps.Keys(one.values)) {
			e.Values[one.of+"."+name] = one.values[name]
		}
	}
	return e
}

// shown shortens a path below the working folder.
func shown(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rest, ok := strings.CutPrefix(path, wd+"/"); ok {
			return rest
		}
	}
	return path
}
