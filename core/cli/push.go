package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/ui"
)

// pushing are the flags of `push`.
type pushing struct {
	registry.Request
	insecure bool
}

func (a *app) pushCommand() *cobra.Command {
	var p pushing
	cmd := &cobra.Command{
		Use:   "push ARTIFACT NAME[:TAG]...",
		Short: "Write an image to a registry",
		Long: `Write an image to a registry, under one name or several. ARTIFACT is what the
exporters docker and oci make, or an OCI image layout or a docker archive of
anybody else. Of several architectures all are pushed, with the index over them.
Credentials are those of "docker login".

What the registry has already is not sent again, so that a push that broke off
goes on when it is run again.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return &usageError{"push what, and where to? Name an artifact, and what it is called in a registry: push out/mini.oci registry.example/team/mini:1.0"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.Names = args[1:]
			return a.push(cmd.Context(), args[0], p)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.Image, "image", "", "of an artifact with several images, push the one called `NAME`")
	f.BoolVar(&p.PerArch, "per-arch", false, "give each architecture's image a name too: NAME:TAG-ARCH")
	f.StringVar(&p.MountFrom, "mount-from", "", "take layers over that `REPOSITORY` of the same registry has")
	f.BoolVar(&p.insecure, "insecure", false, "use plain http if the registry has no https")
	f.VarPF(toggle{&a.flags.offline, &a.flags.offlineGiven}, "offline", "", "use no network: push nothing").NoOptDefVal = "true"
	f.BoolVar(&a.flags.plain, "plain", false, "write plain lines, also on a terminal")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "say more; -vv says all")
	return cmd
}

// push writes an artifact to registries.
func (a *app) push(ctx context.Context, path string, p pushing) (err error) {
	if err := a.configure(); err != nil {
		return err
	}
	if a.flags.offline {
		return &fault.Error{
			Summary: "Image not pushed", Detail: "The network is off.", Remedy: "Push with --offline=false.", Usage: true,
		}
	}
	layout, err := registry.Open(ctx, path)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return registry.Unusable(err)
	}
	defer func() { err = errors.Join(err, layout.Close()) }()
	view := a.talk()
	defer func() { err = errors.Join(err, view.Close()) }()
	pusher := a.pusher(view)
	pusher.Insecure = p.insecure
	done, err := sent(ctx, view, pusher, layout, p.Request)
	if err == nil && !layout.IsLayout() {
		_, err = referrer.Push(ctx, pusher, path, done)
	}
	if closed := view.Close(); err == nil {
		err = closed
	}
	for _, d := range done {
		fmt.Fprintf(a.Streams.Out, "%s@%s\n", d.Name, d.Digest)
	}
	return err
}

// pusher returns what pushes, with the settings of the user. Without a store it
// remembers no uploads.
func (a *app) pusher(view event.Sink) *registry.Pusher {
	p := &registry.Pusher{Proxy: a.settings.Proxy.Through(), Logger: a.logger(view)}
	if st, err := a.openStore(); err == nil {
		p.Sessions = st.Sub("uploads")
	}
	return p
}

// sent pushes, and shows how it goes.
func sent(ctx context.Context, view *ui.UI, p *registry.Pusher, l *registry.Layout, req registry.Request) ([]registry.Pushed, error) {
	e := event.Event{Kind: event.Start, Step: "push"}
	view.Event(e)
	start := time.Now()
	done, err := p.Push(ctx, l, req, func(done, total int64) {
		view.Event(event.Event{Kind: event.Progress, Step: "push", Phase: "send", Done: int(done), Total: int(total), Unit: event.Bytes})
	})
	e.Kind, e.Elapsed = event.Done, time.Since(start)
	if err != nil {
		e.Kind = event.Cancelled
	}
	view.Event(e)
	return done, err
}
