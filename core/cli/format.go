package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/config"
	"github.com/mkmini/mkmini/core/store"
)

// errUnformatted makes `fmt --check` fail without a further word.
var errUnformatted = errors.New("some files are not in the canonical format")

func (a *app) fmtCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE|DIR ...]",
		Short: "Rewrite configurations in the canonical format",
		Long: `Rewrite configurations in the canonical format and print the names of those
that changed. A folder stands for the *.hcl in it; without an argument it is
the one you are in.`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.format(args, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit with 1 if something is to be changed")
	return cmd
}

func (a *app) format(args []string, check bool) error {
	changed := false
	for _, arg := range args {
		files, err := hclFiles(arg)
		if err != nil {
			return err
		}
		for _, file := range files {
			did, err := a.formatFile(file, check)
			if err != nil {
				return err
			}
			changed = changed || did
		}
	}
	if check && changed {
		return errUnformatted
	}
	return nil
}

// hclFiles returns the files that an argument stands for.
func hclFiles(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if !info.IsDir() {
		return []string{arg}, nil
	}
	entries, err := os.ReadDir(arg) // not a pattern: the folder's name may hold [ and *
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	var files []string
	for _, e := range entries {
		if matched, _ := filepath.Match("*.hcl", e.Name()); matched {
			files = append(files, filepath.Join(arg, e.Name()))
		}
	}
	return files, nil
}

func (a *app) formatFile(path string, check bool) (changed bool, err error) {
	formatted, diags := config.FormatFile(path)
	if diags.HasErrors() {
		a.files = sources{path: formatted.Source}
		return false, diags
	}
	if !formatted.Changed {
		return false, nil
	}
	fmt.Fprintln(a.Streams.Out, path)
	if check {
		return true, nil
	}
	return true, store.WriteFile(path, formatted.Text)
}
