package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/event"
	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/registry"
)

// deliverable looks at the names that images are pushed to, before anything is
// built.
func (a *app) deliverable(c *config.Config, view event.Sink) error {
	taken := map[string]string{}
	for i, e := range c.Exports {
		for _, arch := range slices.Sorted(maps.Keys(e.Attributes)) {
			place := e.AttributeRanges["push"]
			for _, text := range e.Delivery(arch).Push {
				name, err := registry.Name(text)
				if f, ok := errors.AsType[*fault.Error](err); ok {
					f.Range = &place
					return f
				}
				by := fmt.Sprintf("%d %s", i, arch)
				if other, ok := taken[name]; ok && other != by {
					return &fault.Error{
						Summary: "Duplicate name", Detail: fmt.Sprintf("Two images would be pushed as %s.", name),
						Remedy: `Give each its own name, such as one with "${arch}", or push them with the exporter "oci", which has one image for all architectures.`,
						Range:  &place, Usage: true,
					}
				}
				taken[name] = by
			}
		}
	}
	if len(taken) > 0 && a.flags.offline {
		view.Event(event.Event{Kind: event.Warning, Step: "push", Diagnostics: warning(&fault.Error{
			Summary: "Images are not pushed", Detail: "The network is off.", Remedy: "Build without --offline to push them.",
		})})
	}
	return nil
}

// deliver pushes and loads artifacts for which the configuration asks that.
func (a *app) deliver(ctx context.Context, view event.Sink, artifacts []event.Artifact) error {
	for _, artifact := range artifacts {
		if artifact.Load {
			if err := told(ctx, view, event.Event{Step: "load", Arch: artifact.Arch}, func(event.Event) (string, error) {
				return dockerLoad(ctx, artifact.Path)
			}); err != nil {
				return err
			}
		}
		if len(artifact.Push) == 0 || a.flags.offline {
			continue
		}
		if err := told(ctx, view, event.Event{Step: "push", Arch: artifact.Arch}, func(e event.Event) (string, error) {
			return deliverTo(ctx, view, e, a.pusher(view), artifact)
		}); err != nil {
			return err
		}
	}
	return nil
}

// told does something after a build, and shows how it goes.
func told(ctx context.Context, view event.Sink, e event.Event, work func(event.Event) (string, error)) error {
	e.Kind = event.Start
	view.Event(e)
	start := time.Now()
	message, err := work(e)
	e.Kind, e.Message, e.Elapsed = event.Done, message, time.Since(start)
	switch {
	case ctx.Err() != nil:
		e.Kind, e.Message = event.Cancelled, ""
	case err != nil:
		e.Kind, e.Message, e.Diagnostics = event.Failed, err.Error(), event.Diagnose(err)
	}
	view.Event(e)
	return err
}

// deliverTo pushes one artifact, and returns the names that it got.
func deliverTo(ctx context.Context, view event.Sink, e event.Event, p *registry.Pusher, artifact event.Artifact) (_ string, err error) {
	layout, err := registry.Open(ctx, artifact.Path)
	if err != nil {
		return "", registry.Unusable(err)
	}
	defer func() { err = errors.Join(err, layout.Close()) }()
	e.Kind, e.Phase, e.Unit = event.Progress, "send", event.Bytes
	done, err := p.Push(ctx, layout, registry.Request{Names: artifact.Push}, func(done, total int64) {
		e := e
		e.Done, e.Total = int(done), int(total)
		view.Event(e)
	})
	if err == nil && !layout.IsLayout() {
		_, err = referrer.Push(ctx, p, artifact.Path, done)
	}
	var names []string
	for _, d := range done {
		names = append(names, d.Name+"@"+d.Digest)
	}
	return strings.Join(names, ", "), err
}

// dockerLoad hands an archive to the docker engine, and returns what docker
// says.
func dockerLoad(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", "load", "--quiet", "--input", path)
	cmd.WaitDelay = 5 * time.Second
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err == nil {
		return strings.Join(strings.Fields(out.String()), " "), nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	f := &fault.Error{
		Summary: "Image not loaded", Detail: fmt.Sprintf("docker load of %s failed: %v.", path, err),
		Remedy: "Start the docker engine, name its address in DOCKER_HOST, or leave load out.", Err: err,
	}
	switch socket := dockerSocket(); {
	case errors.Is(err, exec.ErrNotFound):
		f.Detail, f.Remedy = "There is no docker on PATH.", "Install it (Debian package docker.io), or leave load out."
	case socket == "":
	case unix.Access(socket, unix.F_OK) != nil:
		f.Detail = fmt.Sprintf("There is no docker engine: %s is not there.", socket)
		f.Remedy = "Start it with `systemctl start docker`, or as root with `dockerd`; or name its address in DOCKER_HOST, or leave load out."
	case unix.Access(socket, unix.W_OK) != nil:
		f.Detail = fmt.Sprintf("This user may not use the docker engine at %s.", socket)
		f.Remedy = "Add the user to the group docker with `usermod -aG docker USER` and log in anew, or leave load out."
	}
	if text := strings.TrimSpace(stderr.String()); text != "" {
		f.Excerpt = strings.Split(text, "\n")
	}
	return "", f
}

// dockerSocket returns the path of the engine's socket, as docker finds it
// without a context of its own; empty for an engine elsewhere.
func dockerSocket() string {
	socket, local := strings.CutPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
	if !local || os.Getenv("DOCKER_CONTEXT") != "" {
		return ""
	}
	return socket
}
