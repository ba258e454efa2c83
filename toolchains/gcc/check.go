package gcc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/applet"
	"github.com/mkmini/mkmini/toolchains/gcc/elfhead"
)

// check reads back what was installed: the binary's header, and, where it
// can run, what it says of itself.
func (b *build) check(ctx context.Context, applets []string) ([]sdk.Fact, error) {
	name := filepath.Join(b.req.OutDir, treeName, "bin", "busybox")
	header, err := elfhead.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !header.Matches(b.info.ELF) || header.Interp != b.req.Dynamic {
		return nil, sdk.Diagnostics{{
			Summary: "Busybox came out wrong",
			Detail: fmt.Sprintf("The binary has the header %s (dynamic: %t), and %s needs %s that is %s.",
				header, header.Interp, b.info.Arch, wantHeader(b.info.ELF), b.linkage()),
			Remedy: "Check EXTRA_CFLAGS, EXTRA_LDFLAGS and the toolchain's `cflags` and `ldflags`.",
			Log:    b.log.name,
		}}
	}
	if want := applet.Enabled(b.request.applets, b.final); !slices.Equal(want, applets) && b.final["INSTALL_APPLET_DONT"] != "y" {
		return nil, b.listProblem("installed links", want, applets)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	facts := []sdk.Fact{
		{Name: "libc", Value: b.libcName(), Status: sdk.OK},
		{Name: "binary", Value: fmt.Sprintf("%s, %s, %d bytes, %d applets", header, b.linkage(), info.Size(), len(applets)), Status: sdk.OK},
	}
	if !b.req.Compiler.CanRun {
		return append(facts, sdk.Fact{Name: "binary_run", Value: "not tried", Status: sdk.Skipped,
			Remedy: "Install an emulator for " + b.info.Arch + " to have the binary tried out."}), nil
	}
	if why := b.unlisted(applets); why != "" {
		return append(facts, sdk.Fact{Name: "binary_run", Value: why, Status: sdk.Skipped, Remedy: "Try what was built yourself."}), nil
	}
	if err := b.runBusybox(ctx, name, applets); err != nil {
		return nil, err
	}
	return append(facts, sdk.Fact{Name: "binary_run", Value: "lists its applets", Status: sdk.OK}), nil
}

// unlisted says why a binary does not list its applets; empty if it does. One
// with a single applet is that applet whatever it is called with, and nobody
// knows what that does to the machine.
// Source: busybox 1.35.0, applets/applet_tables.c, SINGLE_APPLET_MAIN
func (b *build) unlisted(applets []string) string {
	switch {
	case b.final["BUSYBOX"] == "n":
		return "without CONFIG_BUSYBOX it does not list its applets"
	case len(applets) == 1:
		return "its only applet is " + applets[0] + ", which it always runs"
	}
	return ""
}

// libcName is what the probe says of the C library.
func (b *build) libcName() string {
	for _, fact := range b.req.Compiler.Facts {
		if fact.Name == "libc" {
			return fact.Value
		}
	}
	return "unknown"
}

// runBusybox compares what the binary lists with what was installed.
func (b *build) runBusybox(ctx context.Context, name string, applets []string) error {
	ctx, cancel := context.WithTimeout(ctx, helloTime)
	defer cancel()
	command := append(b.loader(), name)
	out, err := b.output(ctx, command[0], append(command[1:], "--list")...)
	if err != nil {
		return sdk.Diagnostics{{
			Summary: "Busybox does not run",
			Detail:  fmt.Sprintf("The new binary fails to list its applets: %v.", cause(err)),
			Remedy:  "Try other `cflags`, another compiler or another version of busybox.",
			Excerpt: excerpt(err), Log: b.log.name,
		}}
	}
	listed := slices.DeleteFunc(strings.Fields(out), func(name string) bool { return name == "busybox" })
	slices.Sort(listed)
	if listed = slices.Compact(listed); !slices.Equal(listed, applets) {
		return b.listProblem("binary", applets, listed)
	}
	return nil
}

func (b *build) listProblem(what string, want, got []string) error {
	var differ []string
	for _, name := range want {
		if !slices.Contains(got, name) {
			differ = append(differ, "missing: "+name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			differ = append(differ, "unexpected: "+name)
		}
	}
	return sdk.Diagnostics{{
		Summary: "Busybox has other applets than configured",
		Detail:  fmt.Sprintf("The %s and the configuration differ in %d applets.", what, len(differ)),
		Remedy:  "Please report this with the log.",
		Excerpt: tail(differ, 20), Log: b.log.name,
	}}
}
