package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/verify"
)

// remade is what a configuration makes, in folders of its own.
type remade struct {
	dir       string
	config    *config.Config
	artifacts []event.Artifact
}

// remove removes the folders.
func (r *remade) remove() { _ = store.RemoveAll(r.dir) }

// remake builds what the configuration describes in an empty store. Only files
// that are known by their hashes are shared with the usual one: what is fetched
// is compared with them wherever it comes from.
func (a *app) remake(ctx context.Context) (_ *remade, err error) {
	st, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	sources := st.Sub("sources")
	if err := errors.Join(os.MkdirAll(sources, 0o755), os.MkdirAll(st.Sub("tmp"), 0o755)); err != nil {
		return nil, fmt.Errorf("share the sources: %w", err)
	}
	dir, err := os.MkdirTemp(st.Sub("tmp"), "verify.")
	if err != nil {
		return nil, fmt.Errorf("make an empty store: %w", err)
	}
	r := &remade{dir: dir}
	defer func() {
		if err != nil {
			r.remove()
		}
	}()
	a.flags.store, a.flags.out = filepath.Join(dir, "store"), filepath.Join(dir, "out")
	if err := os.Mkdir(a.flags.store, 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(sources, filepath.Join(a.flags.store, "sources")); err != nil {
		return nil, err
	}
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	t, s, err := a.guarded(ctx, view)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.host.Close()) }()
	r.config = s.config
	r.artifacts, err = t.builder.Build(ctx, t.job(s))
	return r, err
}

// compare says whether an artifact is among those that were made. Names tell
// which it should be, if it is none of them.
func (r *remade) compare(ctx context.Context, report *verify.Report) (verify.Check, error) {
	base := filepath.Base(report.Artifact)
	var names []string
	differs := ""
	for _, a := range r.artifacts {
		made, err := verify.Artifact(ctx, a.Path, verify.Options{})
		if err != nil {
			return verify.Check{}, err
		}
		name := filepath.Base(a.Path)
		if len(report.Digests) > 0 && within(report, made) {
			return verify.Check{Name: verify.Rebuild, Status: verify.OK, Detail: "the configuration makes the very same, as " + name}, nil
		}
		names = append(names, name)
		if name == base {
			differs = strings.Join(made.Digests, ", ")
		}
	}
	c := verify.Check{Name: verify.Rebuild, Status: verify.Failed, Detail: "the configuration makes no such artifact, but " + strings.Join(names, ", ")}
	if differs != "" {
		c.Detail = fmt.Sprintf("the configuration makes another one here: it has sha256 %s, and what there is %s", differs, strings.Join(report.Digests, ", "))
		c.Remedy = "Build with the same version of mkmini, the same compiler and the same SOURCE_DATE_EPOCH; `mkmini diff` shows what differs."
	}
	return c, nil
}

// within says whether one is made of the same as another: an image that is in a
// registry is one of several in what was made.
func within(report, made *verify.Report) bool {
	if report.Kind != "registry" {
		return slices.Equal(report.Digests, made.Digests)
	}
	return slices.Contains(made.Images, report.Digests[0])
}
