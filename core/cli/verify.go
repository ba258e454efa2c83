package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/registry"
	"github.com/mkmini/mkmini/core/verify"
)

// errNotVerified makes `verify` end with 1 without a further word.
var errNotVerified = errors.New("not verified")

// verifying are the flags of `verify`.
type verifying struct {
	keys     []string
	sha256   string
	rebuild  bool
	insecure bool
}

func (a *app) verifyCommand() *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify ARTIFACT",
		Short: "Find out whether an artifact is what somebody made",
		Long: `Compare an artifact with its digests, checksums, signature and provenance: what
is beside it, or attached to its images. ARTIFACT is a file, a folder, an OCI
layout, or the name of an image in a registry. With --key one of the keys has to
have signed it; with -c it has to be made from that configuration.

The exit code is 0 if it is what it should be, 1 if it is not or nothing says
what it should be, and 2 if that can't be found out.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.check(args, a.flags.config); err != nil {
				return err
			}
			err := a.verify(cmd.Context(), args[0], v)
			if err != nil && !errors.Is(err, errNotVerified) && cmd.Context().Err() == nil {
				return &trouble{err}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&v.keys, "key", nil, "trust this public `KEY`: a file, or the text that begins with RW (repeatable)")
	f.StringVar(&v.sha256, "sha256", "", "compare with the sha256 that mkmini build printed: `HASH`")
	f.BoolVar(&v.rebuild, "rebuild", false, "with -c: build it again in an empty store, and compare")
	f.BoolVar(&v.insecure, "insecure", false, "use plain http if the registry has no https")
	a.configFlags(cmd)
	a.placeFlags(cmd)
	a.jsonFlag(cmd)
	return cmd
}

var validSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (v verifying) check(args []string, config string) error {
	switch {
	case len(args) != 1:
		return &usageError{"which artifact? Name one file, folder or image"}
	case v.rebuild && config == "":
		return &usageError{"--rebuild: from which configuration? Give it with -c FILE"}
	case v.sha256 != "" && !validSHA256.MatchString(strings.TrimPrefix(v.sha256, "sha256:")):
		return &usageError{fmt.Sprintf("--sha256 %s: it has 64 hexadecimal digits", v.sha256)}
	}
	return nil
}

func (a *app) verify(ctx context.Context, what string, v verifying) error {
	if err := a.configure(); err != nil {
		return err
	}
	opts := verify.Options{SHA256: strings.TrimPrefix(v.sha256, "sha256:")}
	for _, text := range v.keys {
		key, err := publicKey(text)
		if err != nil {
			return err
		}
		opts.Keys = append(opts.Keys, key)
	}
	var again *remade
	switch {
	case v.rebuild:
		var err error
		if again, err = a.remake(ctx); err != nil {
			return err
		}
		defer again.remove()
		c := provenance.FromOrigin(again.config.Origin)
		opts.Configuration, opts.Rebuild = &c, true
	case a.flags.config != "":
		doc, err := a.read()
		if err != nil {
			return err
		}
		c := provenance.FromOrigin(doc.Origin())
		opts.Configuration = &c
	}
	_, statErr := os.Lstat(what)
	report, err := a.examineArtifact(ctx, what, statErr != nil && registry.IsName(what), v, opts)
	if err != nil {
		return err
	}
	if again != nil {
		check, err := again.compare(ctx, report)
		if err != nil {
			return err
		}
		report.Add(check)
	}
	return a.report(report)
}

// examineArtifact verifies what is there.
func (a *app) examineArtifact(ctx context.Context, what string, remote bool, v verifying, opts verify.Options) (*verify.Report, error) {
	if !remote {
		report, err := verify.Artifact(ctx, what, opts)
		if errors.Is(err, os.ErrNotExist) {
			return nil, &fault.Error{
				Summary: "Nothing to verify", Detail: fmt.Sprintf("There is no file or folder %s.", what),
				Remedy: "Give the path of an artifact, or the name of an image with its registry, such as registry.example/mini:1.0.", Usage: true, Err: err,
			}
		}
		return report, err
	}
	if a.flags.offline {
		return nil, &fault.Error{Summary: "Image not verified", Detail: "The network is off.", Remedy: "Verify with --offline=false.", Usage: true}
	}
	view := a.talk()
	p := &registry.Pusher{Proxy: a.settings.Proxy.Through(), Insecure: v.insecure, Logger: a.logger(view)}
	report, err := verify.Image(ctx, p, what, opts)
	return report, errors.Join(err, view.Close())
}

// report shows what was found out.
func (a *app) report(r *verify.Report) error {
	var err error
	if a.flags.json {
		err = a.writeJSON(r)
	} else {
		err = a.writeReport(r)
	}
	if err == nil && r.Result == verify.NotVerified {
		err = errNotVerified
	}
	return err
}

// verdictWords say what came of it all.
var verdictWords = map[verify.Result]string{
	verify.Verified:    "verified",
	verify.Intact:      "intact, but whose it is was not checked",
	verify.NotVerified: "NOT VERIFIED",
}

func (a *app) writeReport(r *verify.Report) error {
	w := bufio.NewWriter(a.Streams.Out)
	fmt.Fprintf(w, "%s: %s\n", printable(r.Artifact), verdictWords[r.Result])
	for _, c := range r.Checks {
		fmt.Fprintf(w, "  %-9s  %s: %s\n", c.Status, c.Name, printable(c.Detail))
		for _, item := range c.Items {
			fmt.Fprintf(w, "               %s\n", printable(item))
		}
		if c.Remedy != "" {
			fmt.Fprintf(w, "             %s\n", printable(c.Remedy))
		}
	}
	if r.Result == verify.NotVerified && nothing(r) {
		fmt.Fprintln(w, "  Nothing says what it should be: give --sha256, or get its signature or provenance from whoever made it.")
	}
	return w.Flush()
}

// nothing says that nothing was there to compare with.
func nothing(r *verify.Report) bool {
	for _, c := range r.Checks {
		if c.Status == verify.OK || c.Status == verify.Failed {
			return false
		}
	}
	return true
}

// printable is a text without what would do something to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
