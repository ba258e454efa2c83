package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/config/lockfile"
)

// required is a plugin that a configuration requires, and what it takes to get
// it.
type required struct {
	plugin config.RequiredPlugin
	depot  *depot
	lock   *lockfile.File
	// dir is the configuration's folder of plugins.
	dir string
}

// eachRequired calls do with each plugin that the configuration requires, and
// goes on after an error. It returns the lock, nil if nothing is required.
func (a *app) eachRequired(ctx context.Context, do func(required) error) (*lockfile.File, error) {
	file, err := a.read()
	if err != nil {
		return nil, err
	}
	r, err := a.depot(ctx)
	if err != nil {
		return nil, err
	}
	defer r.done()
	lock, err := a.loadLock()
	if err != nil {
		return nil, err
	}
	if len(file.Required()) == 0 {
		fmt.Fprintf(a.Streams.Out, "%s requires no plugins.\n", a.flags.config)
		return nil, nil
	}
	var errs []error
	for _, p := range file.Required() {
		err := do(required{p, r, lock, configPlugins(file.Dir())})
		if ctx.Err() != nil {
			return lock, context.Cause(ctx)
		}
		if err != nil {
			errs = append(errs, at(err, p.Range))
		}
	}
	return lock, errors.Join(errs...)
}
