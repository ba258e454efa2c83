package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/bundle"
	"github.com/mkmini/mkmini/core/config/lockfile"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) unbundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unbundle BUNDLE",
		Short: "Install what another machine has packed",
		Long: `Put what "mkmini bundle" has packed into the store. All of it is checked before
anything is installed; what the store has already is left alone. Afterwards
"mkmini build --offline" works with the same store.

With -c FILE the lock goes beside that configuration, unless one is there.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"which bundle? Name one archive"}
			}
			return a.unbundle(cmd.Context(), args[0])
		},
	}
	a.storeFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&a.flags.config, "config", "c", "", "put the lock beside the configuration `FILE`, or into that folder")
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
	_ = cmd.MarkFlagFilename("config", "hcl")
	return cmd
}

// unbundle installs a bundle.
func (a *app) unbundle(ctx context.Context, file string) (err error) {
	if a.flags.config != "" {
		if _, err := os.Stat(a.flags.config); err != nil {
			return &usageError{err.Error()}
		}
	}
	st, err := a.store(ctx)
	if err != nil {
		return err
	}
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	manager := a.manager(st, a.logger(view))
	var done bundle.Installed
	err = watched(view, "unbundle", func(progress bundle.Progress) (err error) {
		i := &bundle.Installer{Store: st, Keep: manager.Keep, Host: hostPlatform(), Now: time.Now, Progress: progress}
		done, err = i.Install(ctx, file)
		return err
	})
	if err != nil {
		return err
	}
	lock, err := a.putLock(view, done.Lock)
	var notes []string
	if err == nil {
		notes, err = a.putChoices(view, done.Manifest.Choices)
	}
	if err = errors.Join(err, view.Close()); err != nil {
		return err
	}
	a.installed(done)
	if lock != "" {
		fmt.Fprintln(a.Streams.Out, lock, "written")
	}
	for _, note := range notes {
		fmt.Fprintln(a.Streams.Err, note)
	}
	return nil
}

// installed tells what is there now.
func (a *app) installed(done bundle.Installed) {
	for _, f := range done.Manifest.Files {
		remark := compilersIn(done.Manifest, f)
		if !done.New[f.Name] {
			remark = strings.TrimPrefix(remark+", was there", ", ")
		}
		if f.Name != lockfile.Name {
			a.listed(f, remark)
		}
	}
}

// putChoices notes the places that were chosen where the bundle was packed,
// unless others are chosen here, and says so.
func (a *app) putChoices(view *ui.UI, choices []bundle.Choice) (notes []string, err error) {
	for _, c := range choices {
		there := a.chosen[c.Toolchain]
		if len(there) > 0 && samePlace(there[0], c.Block) {
			continue
		}
		if len(there) > 0 {
			view.Event(event.Event{Kind: event.Warning, Step: "unbundle", Diagnostics: warning(&fault.Error{
				Summary: "Another compiler is chosen", Detail: fmt.Sprintf("The bundle was packed with a chosen compiler for %s, and here another one is, which stays chosen.", c.Toolchain),
				Remedy: fmt.Sprintf("Take that choice back with `mkmini toolchain use %s --reset`, and unbundle again.", c.Toolchain),
			})})
			continue
		}
		path, err := a.choose(c.Toolchain, &c.Block)
		if err != nil {
			return notes, err
		}
		notes = append(notes, fmt.Sprintf("The bundle's compiler is used where a configuration has no from block for %s; noted in %s.", c.Toolchain, path))
	}
	return notes, nil
}

// putLock puts the lock of a bundle beside the configuration, unless one is
// there, and returns the path of what it wrote.
func (a *app) putLock(view *ui.UI, text []byte) (string, error) {
	if a.flags.config == "" || len(text) == 0 {
		return "", nil
	}
	path := lockfile.Beside(a.flags.config)
	if _, diags := lockfile.Parse(text, path); diags.HasErrors() {
		return "", &fault.Error{
			Step: "unbundle", Summary: "Lock not usable", Detail: "The lock in the bundle can't be read: " + diags[0].Detail,
			Remedy: "Use a newer mkmini, or leave -c out.", Err: diags,
		}
	}
	there, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return path, store.WriteFile(path, text)
	case err != nil:
		return "", err
	case string(there) != string(text):
		view.Event(event.Event{Kind: event.Warning, Step: "unbundle", Diagnostics: warning(&fault.Error{
			Summary: "Another lock is there", Detail: fmt.Sprintf("%s is not the lock of the bundle, and stays as it is.", path),
			Remedy: "Remove it first to get that of the bundle.",
		})})
	}
	return "", nil
}
