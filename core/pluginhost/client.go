package pluginhost

import (
	"context"
	"slices"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// client is whom a plugin's callers deal with.
type client struct {
	// process answers all calls, if there is one. Else each call gets a
	// process of found from host.
	process *process
	host    *Host
	found   *Found
}

// client returns a client of a plugin. It is started, unless its processes
// depend on the call.
func (h *Host) client(ctx context.Context, found *Found) (*client, error) {
	if h.perCall(found) {
		return &client{host: h, found: found}, nil
	}
	p, err := h.process(ctx, found)
	if err != nil {
		return nil, err
	}
	return &client{process: p}, nil
}

// perCall says whether calls with folders have processes of their own: what a
// process may write to is fixed when it is started.
func (h *Host) perCall(found *Found) bool { return found.Attached == nil && h.opts.Sandbox.Files() }

// plugin returns which plugin it is.
func (c *client) plugin() *Found {
	if c.process != nil {
		return c.process.found
	}
	return c.found
}

// call makes a call in a process that can write to the folders; empty ones
// don't count.
func (c *client) call(ctx context.Context, name string, folders []string, progress sdk.Progress, do func(context.Context, *process, sdk.Progress) error) error {
	p := c.process
	if p == nil {
		var err error
		var release func(time.Duration) error
		if p, release, err = c.host.lend(ctx, c.found, folders); err != nil {
			return err
		}
		limit := stopLimit
		// Close tells of a process that doesn't end.
		defer func() { _ = release(limit) }()
		if err := p.call(ctx, name, progress, call(p, do)); err != nil {
			return err
		}
		limit = idleLimit
		return nil
	}
	return p.call(ctx, name, progress, call(p, do))
}

// call is do with its process.
func call(p *process, do func(context.Context, *process, sdk.Progress) error) func(context.Context, sdk.Progress) error {
	return func(ctx context.Context, progress sdk.Progress) error { return do(ctx, p, progress) }
}

// lend returns a running process for one call, and the function that gives it
// back, and says how long its end may take. Calls without folders share one.
func (h *Host) lend(ctx context.Context, found *Found, folders []string) (*process, func(time.Duration) error, error) {
	folders = slices.DeleteFunc(slices.Clone(folders), func(dir string) bool { return dir == "" })
	if len(folders) == 0 {
		p, err := h.process(ctx, found)
		return p, func(time.Duration) error { return nil }, err
	}
	p, err := h.hire(found, folders)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-p.ready:
		err = p.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		_ = h.dismiss(p, stopLimit)
		return nil, nil, err
	}
	return p, func(limit time.Duration) error { return h.dismiss(p, limit) }, nil
}

// hire starts a process that can write to the folders.
func (h *Host) hire(found *Found, folders []string) (*process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	h.tell()
	p := h.newProcess(found)
	p.program.limits.box, p.program.limits.folders = h.opts.Sandbox, folders
	h.all = append(h.all, p)
	go p.launch()
	return p, nil
}

// tell says once, before the first plugin is started, what confines it.
func (h *Host) tell() {
	h.told.Do(func() { h.logger.Info("plugins are confined: " + h.opts.Sandbox.String()) })
}

// dismiss stops a process. One that doesn't end stays known to Close.
func (h *Host) dismiss(p *process, limit time.Duration) error {
	if err := p.stopWithin(limit); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.DeleteFunc(h.all, func(other *process) bool { return other == p })
	return nil
}
