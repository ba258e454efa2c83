package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/inspect"
	"github.com/mkmini/mkmini/core/ui"
)

// errDifferent makes `diff` end with 1 without a further word.
var errDifferent = errors.New("they differ")

// trouble is a failure of a command whose exit code 1 is an answer.
// Source: POSIX.1-2017, diff, "Exit status".
type trouble struct{ error }

func (t *trouble) Unwrap() error { return t.error }

func (a *app) diffCommand() *cobra.Command {
	var which inspect.Options
	var ignore []string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two artifacts entry by entry",
		Long: `Compare two artifacts entry by entry: archives, images, disks and folders, which
may be of different formats. See "mkmini inspect" for what can be read. Two images
are also compared in how containers are started. The exit code is 0 if they are
the same, 1 if they differ, and 2 if they can't be compared.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{"which artifacts? Name two archives, images or folders"}
			}
			for _, what := range ignore {
				if !slices.Contains(inspect.Ignorable, what) {
					return &usageError{fmt.Sprintf("--ignore %s: there are %s", what, strings.Join(inspect.Ignorable, ", "))}
				}
			}
			err := a.diff(cmd.Context(), args, which, ignore)
			if err != nil && !errors.Is(err, errDifferent) && cmd.Context().Err() == nil {
				return &trouble{err}
			}
			return err
		},
	}
	cmd.Flags().StringArrayVar(&ignore, "ignore", nil, "leave `WHAT` out: "+strings.Join(inspect.Ignorable, ", ")+" (repeatable)")
	choiceFlags(cmd, &which)
	a.jsonFlag(cmd)
	return cmd
}

// difference is the result of a comparison in JSON.
type difference struct {
	A       string           `json:"a"`
	B       string           `json:"b"`
	Same    bool             `json:"same"`
	Config  []inspect.Field  `json:"config"`
	Changes []inspect.Change `json:"changes"`
}

func (a *app) diff(ctx context.Context, paths []string, which inspect.Options, ignore []string) error {
	var trees [2]*inspect.Tree
	for i, path := range paths {
		art, err := inspect.Read(ctx, path, which)
		if err != nil {
			return err
		}
		if trees[i], err = only(art); err != nil {
			return err
		}
	}
	d := difference{A: paths[0], B: paths[1], Config: []inspect.Field{}, Changes: []inspect.Change{}}
	if !slices.Contains(ignore, "config") {
		d.Config = append(d.Config, inspect.DiffConfig(trees[0].Image, trees[1].Image)...)
	}
	d.Changes = append(d.Changes, inspect.Diff(trees[0], trees[1], ignore)...)
	d.Same = len(d.Config)+len(d.Changes) == 0
	write := a.writeDifference
	if a.flags.json {
		write = func(d difference) error { return a.writeJSON(d) }
	}
	if err := write(d); err != nil || d.Same {
		return err
	}
	return errDifferent
}

// only returns the file system of an artifact that has one.
func only(art *inspect.Artifact) (*inspect.Tree, error) {
	switch len(art.Trees) {
	case 0:
		return nil, &usageError{fmt.Sprintf("%s holds no image", inspect.Quote(art.Path))}
	case 1:
		return art.Trees[0], nil
	}
	if art.Partitions != nil {
		return nil, &usageError{fmt.Sprintf("%s has several partitions with file systems: choose one with --partition", inspect.Quote(art.Path))}
	}
	var platforms []string
	for _, t := range art.Trees {
		platforms = append(platforms, inspect.Quote(t.Image.Platform()))
	}
	return nil, &usageError{fmt.Sprintf("%s holds %d images, for %s: choose one with --platform",
		inspect.Quote(art.Path), len(platforms), strings.Join(platforms, ", "))}
}

// writeDifference shows what differs, and nothing if nothing does.
func (a *app) writeDifference(d difference) error {
	if d.Same {
		return nil
	}
	w := bufio.NewWriter(a.Streams.Out)
	fmt.Fprintf(w, "--- %s\n+++ %s\n", inspect.Quote(d.A), inspect.Quote(d.B))
	for _, f := range d.Config {
		writeField(w, "! image", f)
	}
	counts := map[string]int{}
	for _, c := range d.Changes {
		counts[c.Kind]++
		switch c.Kind {
		case inspect.Removed:
			fmt.Fprintln(w, "-", line(c.A))
		case inspect.Added:
			fmt.Fprintln(w, "+", line(c.B))
		default:
			for _, f := range c.Fields {
				writeField(w, "! "+inspect.Quote(c.Path()), f)
			}
		}
	}
	fmt.Fprintf(w, "%d removed, %d added, %d changed", counts[inspect.Removed], counts[inspect.Added], counts[inspect.Changed])
	if n := len(d.Config); n > 0 {
		fmt.Fprintf(w, "; %s", ui.Count(n, "difference")+" of the images' configurations")
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// writeField shows something that differs.
func writeField(w io.Writer, what string, f inspect.Field) {
	show := func(s string) string {
		if s == "" {
			return "none"
		}
		return inspect.Quote(s)
	}
	fmt.Fprintf(w, "%s: %s %s -> %s\n", what, f.Name, show(f.A), show(f.B))
}
