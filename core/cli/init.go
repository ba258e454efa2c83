package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/pluginhost"
	"github.com/mkmini/mkmini/core/pluginstore"
	"github.com/mkmini/mkmini/core/source"
	"github.com/mkmini/mkmini/core/source/oci"
	"github.com/mkmini/mkmini/plugins/sdk"
)

func (a *app) initCommand() *cobra.Command {
	var upgrade bool
	cmd := &cobra.Command{
		Use:   "init -c FILE",
		Short: "Install the plugins that a configuration requires",
		Long: `Install the plugins of required_plugins into the folder .mkmini/plugins beside
the configuration, and write which releases were taken into mkmini.lock.hcl.
What the lock names already is installed as it is.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), upgrade) },
	}
	a.configFlags(cmd)
	a.networkFlags(cmd)
	a.lockedFlag(cmd)
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "take the newest versions that will do, in place of those that the lock names")
	return cmd
}

// networkFlags are the flags of commands that fetch plugins.
func (a *app) networkFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.flags.store, "store", "", "keep what is fetched in `DIR` (default $MKMINI_STORE, or mkmini in the user's cache folder)")
	f.VarPF(toggle{&a.flags.offline, &a.flags.offlineGiven}, "offline", "", "fetch nothing: use what the store and the configuration have").NoOptDefVal = "true"
	_ = cmd.MarkFlagDirname("store")
}

// depot are the parts of mkmini that work with releases of plugins.
type depot struct {
	store *pluginstore.Store
	// done gives the fetched files back to others.
	done func()
}

// depot puts the parts together. No other mkmini fetches plugins until it
// is done.
func (a *app) depot(ctx context.Context) (*depot, error) {
	st, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := st.Lock(ctx, "plugins", func() { fmt.Fprintln(a.Streams.Err, "another mkmini installs plugins; waiting for it") })
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	fetcher := a.fetcher(st, logger)
	this := pluginstore.ThisPlatform()
	return &depot{done: unlock, store: &pluginstore.Store{
		Fetcher: fetcher, Blobs: st.Sub("sources"), Platform: this, Protocols: sdk.ProtocolVersions(),
		Registry: &oci.Reader{Fetcher: *fetcher, Platform: v1.Platform{OS: this.OS, Architecture: this.Arch}},
		Mirror:   a.settings.Plugins.Mirror, Keys: a.settings.Plugins.Keys, SignatureRequired: a.settings.Plugins.SignatureRequired,
		Describe: a.describer(logger), Logger: logger,
	}}, nil
}

// describer has a plugin describe itself before it is in its place, confined
// like any other.
func (a *app) describer(logger *slog.Logger) func(context.Context, string, string) (sdk.Manifest, error) {
	return func(ctx context.Context, dir, name string) (m sdk.Manifest, err error) {
		opts := pluginhost.Options{Dirs: []string{dir}, Logger: logger}
		if err := a.limit(&opts); err != nil {
			return m, err
		}
		host := pluginhost.New(opts)
		defer func() { err = errors.Join(err, host.Close()) }()
		found, err := host.Find(ctx, name)
		if err != nil {
			return m, err
		}
		return found.Manifest, nil
	}
}

// init installs what the configuration requires.
func (a *app) init(ctx context.Context, upgrade bool) error {
	if upgrade && a.flags.locked {
		return &usageError{"--upgrade changes the lock, and --locked forbids that: give one of them"}
	}
	lock, err := a.eachRequired(ctx, func(r required) error { return a.initOne(ctx, r, upgrade) })
	if lock == nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, a.saveLock(lock))
}

// saveLock writes the lock and says so, unless it must not change.
func (a *app) saveLock(lock *lockfile.File) error {
	if a.flags.locked || lock.Source == nil && len(lock.Entries) == 0 {
		return nil
	}
	wrote, err := lock.Save()
	if wrote {
		fmt.Fprintf(a.Streams.Out, "%s written\n", lock.Path)
	}
	return err
}

// request returns what to ask for a required plugin.
func (a *app) request(lock *lockfile.File, p config.RequiredPlugin, upgrade bool) (pluginstore.Request, error) {
	req := pluginstore.Request{Name: p.Name, Source: p.Source, Version: p.Version, Locked: lockedRelease(lock, p.Name), Upgrade: upgrade}
	e, ok := lock.Get(lockfile.Required, p.Name)
	switch {
	case !ok && a.flags.locked:
		return req, &fault.Error{
			Summary: fmt.Sprintf("Plugin %q is not in the lock", p.Name), Detail: fmt.Sprintf("%s has no entry for it.", lock.Path),
			Remedy: "Leave --locked out to write one.", Usage: true,
		}
	case !ok || upgrade:
		return req, nil
	}
	// Another source may have the same release: its hashes say so.
	if reason, flags := unmet(p, e); flags != "" {
		return req, &fault.Error{
			Summary: fmt.Sprintf("Plugin %q is locked to something else", p.Name), Detail: reason, Remedy: a.initRemedy(flags), Usage: true,
		}
	}
	return req, nil
}

// initOne installs one plugin, unless it is there, and puts it into the lock.
func (a *app) initOne(ctx context.Context, r required, upgrade bool) error {
	req, err := a.request(r.lock, r.plugin, upgrade)
	if err != nil {
		return err
	}
	rel, err := r.depot.store.Resolve(ctx, req)
	if err != nil {
		return err
	}
	did, path := "is installed", ""
	if path = installed(ctx, rel, r.dir, r.plugin.Name); path == "" {
		in, err := r.depot.store.Install(ctx, req, rel, r.dir, a.fetchProgress(r.plugin.Name))
		if err != nil {
			return err
		}
		did, path = "installed", in.Path
	}
	a.told(rel, did, path)
	if !a.flags.locked {
		r.lock.Update("", nil, []lockfile.Entry{lockEntry(r.plugin, rel)})
	}
	return nil
}

// installed returns the path of the executable of a release that is in a
// folder of plugins, "" if there is none or another one.
func installed(ctx context.Context, rel *pluginstore.Release, dir, name string) string {
	want := pluginstore.ThisPlatform().For(rel.Executables)
	for _, d := range append([]string{dir}, userPlugins(), systemPlugins[0], systemPlugins[1]) {
		path := filepath.Join(d, pluginhost.Prefix+name)
		info, err := os.Stat(path)
		if d == "" || err != nil || !info.Mode().IsRegular() {
			continue
		}
		// The first one is what a build would take.
		if sum, err := source.Hash(ctx, path); err == nil && sum == want {
			return path
		}
		return ""
	}
	return ""
}

// told says which release of a plugin is in its place.
func (a *app) told(rel *pluginstore.Release, did, path string) {
	for _, note := range rel.PassedOver {
		fmt.Fprintf(a.Streams.Err, "%s %s was passed over\n", rel.Name, note)
	}
	signed := "not signed"
	switch {
	case rel.Signer != "":
		signed = fmt.Sprintf("signed by %s (%s)", pluginstore.KeyID(rel.Key), rel.Signer)
	case rel.Key != "":
		signed = "signed by " + pluginstore.KeyID(rel.Key)
	case rel.Unverified != "":
		signed = fmt.Sprintf("says that it is signed by %s, which is not trusted", rel.Unverified)
	}
	fmt.Fprintf(a.Streams.Out, "%s %s %s: %s, %s\n", rel.Name, rel.Version, did, shown(path), signed)
}

// fetchProgress says once that something is fetched that takes a while.
func (a *app) fetchProgress(name string) pluginstore.Progress {
	said := false
	return func(done, total int64) {
		if !said && total > 1<<20 && done < total {
			said = true
			fmt.Fprintf(a.Streams.Err, "fetching %s, %d MB\n", name, (total+1<<19)>>20)
		}
	}
}
