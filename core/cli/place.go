package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
)

// place are the flags that say where a compiler comes from.
type place struct {
	suite, sha256, bin, prefix string
	strip                      int
}

// placeKinds are the kinds of places on the command line, with what follows them.
var placeKinds = []struct{ name, args string }{
	{"deb", "[PACKAGE...]"}, {"archive", "FILE|URL..."}, {"oci", "IMAGE"}, {"path", "DIR"}, {"host", ""},
}

func isKind(name string) bool {
	return slices.ContainsFunc(placeKinds, func(k struct{ name, args string }) bool { return k.name == name })
}

// kindList describes the places for a command's help.
func kindList(command string) string {
	var lines []string
	for _, k := range placeKinds {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("  mkmini toolchain %s ARCH %s %s", command, k.name, k.args), " "))
	}
	return strings.Join(lines, "\n")
}

func (p *place) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.suite, "suite", "", "deb: take the packages from the release `SUITE`")
	f.StringVar(&p.sha256, "sha256", "", "archive: its hash is `HASH`; a URL needs one")
	f.IntVar(&p.strip, "strip", 0, "archive: leave out `N` leading folders of names")
	f.StringVar(&p.bin, "bin", "", "archive, oci: the compiler is in the folder `DIR` of what is unpacked")
	f.StringVar(&p.prefix, "prefix", "", "archive, oci, path: what stands before gcc is `PREFIX`")
}

// from makes a from block of a kind and what follows it.
func (p *place) from(kind string, args []string) (config.From, error) {
	f := config.From{Kind: kind, Prefix: p.prefix}
	switch kind {
	case "deb":
		f.Deb = &config.Deb{Packages: args, Suite: p.suite}
		return f, p.only(kind, "suite")
	case "host":
		return f, errors.Join(p.only(kind), count(kind, args, 0, 0))
	case "path":
		if err := errors.Join(p.only(kind, "prefix"), count(kind, args, 1, 1)); err != nil {
			return f, err
		}
		dir, err := filepath.Abs(args[0])
		f.Dir = dir
		return f, err
	case "oci":
		if err := errors.Join(p.only(kind, "bin", "prefix"), count(kind, args, 1, 1)); err != nil {
			return f, err
		}
		f.OCI = &config.OCI{Image: args[0], Bin: p.bin}
		return f, nil
	case "archive":
		if err := errors.Join(p.only(kind, "sha256", "strip", "bin", "prefix"), count(kind, args, 1, 100)); err != nil {
			return f, err
		}
		f.Archive = &config.Archive{SHA256: p.sha256, Strip: p.strip, Bin: p.bin}
		if len(args) == 1 && !strings.Contains(args[0], "://") {
			file, err := filepath.Abs(args[0])
			f.Archive.File = file
			return f, err
		}
		f.Archive.URLs = args
		return f, nil
	}
	var names []string
	for _, k := range placeKinds {
		names = append(names, k.name)
	}
	return f, &usageError{fmt.Sprintf("a compiler can't come from %q; it can from: %s", kind, strings.Join(names, ", "))}
}

// only refuses flags that a kind has no use for.
func (p *place) only(kind string, allowed ...string) error {
	for _, flag := range []struct {
		name  string
		given bool
	}{{"suite", p.suite != ""}, {"sha256", p.sha256 != ""}, {"strip", p.strip != 0}, {"bin", p.bin != ""}, {"prefix", p.prefix != ""}} {
		if flag.given && !slices.Contains(allowed, flag.name) {
			return &usageError{fmt.Sprintf("--%s has no meaning for %s", flag.name, kind)}
		}
	}
	return nil
}

func count(kind string, args []string, least, most int) error {
	if len(args) >= least && len(args) <= most {
		return nil
	}
	i := slices.IndexFunc(placeKinds, func(k struct{ name, args string }) bool { return k.name == kind })
	return &usageError{strings.TrimRight(fmt.Sprintf("write %s %s", kind, placeKinds[i].args), " ")}
}
